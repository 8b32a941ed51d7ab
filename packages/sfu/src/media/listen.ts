/**
 * Opens the sockets of a WebRtcServer or of a transport of its own, and says what candidates they make.
 * Spec: RFC 8445 §5.1.2 (priorities), §5.1.1.3 (foundations), RFC 6544 §4.5 (tcptype). The numbers of priorities are
 * mediasoup v3's: what a client prefers does not change when the server does.
 */
import { addressIp, EngineError } from '@tertulia/engine';
import type { BindOptions, Engine } from '@tertulia/engine';
import { InvalidStateError, SfuError, UnsupportedError } from '../channel/errors.js';
import type { ListenResult } from '../channel/messages.js';
import type { IceCandidate, TransportListenInfo, TransportProtocol, TransportTuple } from '../types.js';
import type { MediaContext } from './context.js';
import type { Tuple } from './ice/index.js';

const CANDIDATE = {
  typePreference: 64,
  localPreference: 10_000,
  /** Less for each listen info after the first. */
  localPreferenceStep: 100,
  /** More for the protocol that the application prefers. */
  preferredProtocol: 1_000,
  /** The internal address comes behind the announced one, before the next listen info's (a step is 25,600). */
  internalAddress: 1_000,
  component: 1,
} as const;
/** Tried one after the other from a random one on; more attempts than this means that the range is as good as full. */
const PORT_ATTEMPTS = 1_000;
/** Less than this and a fan-out to a few hundred receivers overflows the kernel's buffer at once. */
export const LEAST_BUFFER_BYTES = 1024 * 1024;

export interface ListenSocket extends ListenResult {
  readonly socket: number;
  readonly protocol: TransportProtocol;
  /** What the candidates say. */
  readonly announcedAddress: string;
  /** In a candidate of its own beside it. */
  readonly internalAddress?: string;
}

/** Which sockets become candidates, and which of them come first. Absent: all, in order. */
export interface CandidateChoice {
  readonly enableUdp?: boolean;
  readonly enableTcp?: boolean;
  readonly preferUdp?: boolean;
  readonly preferTcp?: boolean;
}

/** All of them or, with an error that says which and why, none. */
export function openSockets(context: MediaContext, infos: readonly TransportListenInfo[]): ListenSocket[] {
  const opened: ListenSocket[] = [];
  try {
    for (const info of infos) opened.push(openSocket(context, info, opened.length));
  } catch (error) {
    closeSockets(context.engine, opened);
    throw error;
  }
  return opened;
}

export function closeSockets(engine: Engine, sockets: readonly ListenSocket[]): void {
  if (engine.memory) return;
  for (const { socket } of sockets) engine.unbind(socket);
}

export function isEnabled({ protocol }: ListenSocket, choice: CandidateChoice): boolean {
  return (protocol === 'udp' ? choice.enableUdp : choice.enableTcp) ?? true;
}

/** The earlier a socket was listed, the better its candidate. */
export function candidatesOf(sockets: readonly ListenSocket[], choice: CandidateChoice = {}): IceCandidate[] {
  return sockets.flatMap((socket, i) => {
    if (!isEnabled(socket, choice)) return [];
    const { protocol, port, announcedAddress, internalAddress } = socket;
    const preferred = protocol === 'udp' ? choice.preferUdp : choice.preferTcp;
    const local =
      CANDIDATE.localPreference -
      i * CANDIDATE.localPreferenceStep +
      (preferred ? CANDIDATE.preferredProtocol : 0);
    const priority = CANDIDATE.typePreference * 2 ** 24 + local * 2 ** 8 + (256 - CANDIDATE.component);
    const candidate = (address: string, behind: number): IceCandidate => ({
      foundation: `${protocol}${i}`,
      priority: priority - behind,
      address,
      ip: address,
      protocol,
      port,
      type: 'host',
      ...(protocol === 'tcp' ? { tcpType: 'passive' } : {}),
    });
    const announced = candidate(announcedAddress, 0);
    if (internalAddress === undefined) return [announced];
    return [announced, candidate(internalAddress, CANDIDATE.internalAddress)];
  });
}

export function publicTuple(sockets: readonly ListenSocket[], tuple: Tuple): TransportTuple {
  const local = sockets.find(({ socket }) => socket === tuple.socket);
  const localAddress = local?.announcedAddress ?? '';
  return {
    localAddress,
    localIp: localAddress,
    localPort: local?.port ?? 0,
    remoteIp: addressIp(tuple.address),
    remotePort: ((tuple.address[2] ?? 0) << 8) | (tuple.address[3] ?? 0),
    protocol: local?.protocol ?? 'udp',
  };
}

/** @param number the socket's in memory mode, where there are none */
function openSocket(context: MediaContext, info: TransportListenInfo, number: number): ListenSocket {
  const bound = bind(context, info, number);
  for (const side of ['sendBuffer', 'receiveBuffer'] as const) {
    // A TCP connection's buffers grow by themselves.
    if (bound[side] >= LEAST_BUFFER_BYTES || info.protocol === 'tcp') continue;
    const [name, setting] = side === 'sendBuffer' ? ['send', 'wmem_max'] : ['receive', 'rmem_max'];
    context.emit({
      event: 'log',
      level: 'warn',
      message:
        `the kernel granted ${bound[side]} bytes of ${name} buffer on ${info.ip}:${bound.port}; ` +
        `set net.core.${setting} to at least 4194304 (sysctl -w net.core.${setting}=4194304)`,
    });
  }
  const announcedAddress = info.announcedAddress ?? info.announcedIp;
  return {
    ...bound,
    protocol: info.protocol,
    ip: info.ip,
    announcedAddress: announcedAddress ?? info.ip,
    ...(info.exposeInternalIp && announcedAddress !== undefined ? { internalAddress: info.ip } : {}),
  };
}

function bind(
  context: MediaContext,
  info: TransportListenInfo,
  number: number,
): ListenResult & { socket: number } {
  const { engine } = context;
  const options = {
    ...(info.sendBufferSize ? { sendBuffer: info.sendBufferSize } : {}),
    ...(info.recvBufferSize ? { receiveBuffer: info.recvBufferSize } : {}),
    ipv6Only: info.flags?.ipv6Only ?? false,
    reusePort: info.flags?.udpReusePort ?? false,
  };
  if (engine.memory) {
    return { socket: number, ip: info.ip, port: info.port ?? 0, sendBuffer: 2 ** 22, receiveBuffer: 2 ** 22 };
  }
  // A range of zeros is none, in mediasoup's terms.
  const range = info.portRange && info.portRange.max > 0 ? info.portRange : undefined;
  if (info.port && !range) return tryBind(engine, info, info.port, options);
  const { min, max } = range ?? context.ports;
  const count = max - min + 1;
  const first = Math.floor(context.rng() * count);
  for (let i = 0; i < Math.min(count, PORT_ATTEMPTS); i++) {
    try {
      return tryBind(engine, info, min + ((first + i) % count), options);
    } catch (error) {
      if (!(error instanceof SfuError) || error.code !== 'ADDRESS_IN_USE') throw error;
    }
  }
  const protocol = info.protocol.toUpperCase();
  throw new InvalidStateError(
    `no free ${protocol} port on ${info.ip} between ${min} and ${max}`,
    'PORTS_EXHAUSTED',
  );
}

const ADVICE: Readonly<Record<string, string>> = {
  ADDRESS_IN_USE: 'another program uses this port; choose another one or stop that program',
  ADDRESS_NOT_AVAILABLE: 'this machine has no such address; listen on one of its own and announce the other',
  PERMISSION: 'ports below 1024 need privileges; choose a higher one',
  TOO_MANY_OPEN_FILES: 'raise the limit of open files (ulimit -n)',
};

function tryBind(
  engine: Engine,
  { protocol, ip }: TransportListenInfo,
  port: number,
  options: BindOptions,
): ListenResult & { socket: number } {
  try {
    return protocol === 'tcp' ? engine.bindTcp(ip, port, options) : engine.bind(ip, port, options);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const advice = ADVICE[error.code] ?? error.message;
    const text = `cannot listen on ${protocol.toUpperCase()} ${ip}:${port}: ${advice}`;
    if (error.code === 'NOT_SUPPORTED') throw new UnsupportedError(text, 'TCP_NOT_SUPPORTED');
    throw new InvalidStateError(text, error.code);
  }
}
