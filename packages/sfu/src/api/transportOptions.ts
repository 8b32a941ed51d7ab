/** From the options of a transport, old and new forms, to what the media process is asked for. */
import { isIP } from 'node:net';
import { OptionError } from '../channel/errors.js';
import type { SctpCreation } from '../channel/messages.js';
import type { SctpOptions, TransportListenInfo, TransportListenIp, TransportProtocol } from '../types.js';
import { checkCount } from './options.js';

const PORT_MAX = 65_535;
const BUFFER_BYTES_MAX = 0x7fff_ffff; // what the kernel's option holds
const SCTP_STREAMS_MAX = 65_535;
const DEFAULT_SCTP_STREAMS = { OS: 1024, MIS: 1024 }; // what browsers ask for
const MESSAGE_BYTES_MAX = 0xffff_ffff;

export function checkListenInfo(info: unknown, name: string): asserts info is TransportListenInfo {
  if (typeof info !== 'object' || info === null) throw new OptionError(`${name}: not an object`);
  const listen = info as Partial<TransportListenInfo>;
  const { protocol, ip, port, portRange, announcedAddress, announcedIp, flags } = listen;
  if (protocol !== 'udp' && protocol !== 'tcp')
    throw new OptionError(`${name}.protocol: neither 'udp' nor 'tcp'`);
  if (typeof ip !== 'string' || isIP(ip) === 0) throw new OptionError(`${name}.ip: not an IP address`);
  if (port !== undefined) checkCount(`${name}.port`, port, PORT_MAX);
  if (portRange !== undefined) {
    checkCount(`${name}.portRange.min`, portRange?.min, PORT_MAX);
    checkCount(`${name}.portRange.max`, portRange?.max, PORT_MAX);
    if (portRange.min > portRange.max) throw new OptionError(`${name}.portRange: min is above max`);
  }
  for (const address of [announcedAddress, announcedIp])
    if (address !== undefined && typeof address !== 'string')
      throw new OptionError(`${name}.announcedAddress: not a string`);
  if (flags !== undefined && (typeof flags !== 'object' || flags === null))
    throw new OptionError(`${name}.flags: not an object`);
  for (const size of ['sendBufferSize', 'recvBufferSize'] as const)
    if (listen[size] !== undefined) checkCount(`${name}.${size}`, listen[size], BUFFER_BYTES_MAX);
}

export function checkListenInfos(listenInfos: readonly TransportListenInfo[] | undefined): void {
  if (!Array.isArray(listenInfos) || listenInfos.length === 0)
    throw new OptionError('listenInfos: not a non-empty array');
  listenInfos.forEach((info: unknown, i) => checkListenInfo(info, `listenInfos[${i}]`));
}

/** The old way to say where to listen. */
export function listenInfoOf(
  listenIp: TransportListenIp | string,
  protocol: TransportProtocol,
  port: number | undefined,
  name: string,
): TransportListenInfo {
  const { ip, announcedIp } =
    typeof listenIp === 'string' ? { ip: listenIp, announcedIp: undefined } : listenIp;
  const info: TransportListenInfo = {
    protocol,
    ip,
    ...(announcedIp === undefined ? {} : { announcedAddress: announcedIp }),
    ...(port === undefined ? {} : { port }),
  };
  checkListenInfo(info, name);
  return info;
}

/** Of a transport that has one socket: `listenInfo`, or the old `listenIp` and `port`. */
export function singleListenInfo(options: {
  listenInfo?: TransportListenInfo | undefined;
  listenIp?: TransportListenIp | string | undefined;
  port?: number | undefined;
}): TransportListenInfo {
  const { listenInfo, listenIp, port } = options;
  if (listenInfo && listenIp) throw new OptionError('listenIp: not together with listenInfo');
  if (listenIp) return listenInfoOf(listenIp, 'udp', port, 'listenIp');
  if (!listenInfo) throw new OptionError('listenInfo: missing');
  checkUdpListenInfo(listenInfo, 'listenInfo');
  return listenInfo;
}

/** Of transports without ICE, which have no TCP. */
export function checkUdpListenInfo(info: unknown, name: string): asserts info is TransportListenInfo {
  checkListenInfo(info, name);
  if (info.protocol !== 'udp') throw new OptionError(`${name}.protocol: not 'udp'`);
}

/** One listen info for each address and protocol, the preferred protocol first. */
export function listenInfosOf(
  listenIps: readonly (TransportListenIp | string)[],
  port: number | undefined,
  protocols: readonly TransportProtocol[],
): TransportListenInfo[] {
  if (!Array.isArray(listenIps) || listenIps.length === 0)
    throw new OptionError('listenIps: not a non-empty array');
  return listenIps.flatMap((listenIp: TransportListenIp | string, i) =>
    protocols.map((protocol) => listenInfoOf(listenIp, protocol, port, `listenIps[${i}]`)),
  );
}

export function protocolsInOrder(options: {
  enableUdp: boolean;
  enableTcp: boolean;
  preferUdp: boolean;
  preferTcp: boolean;
}): TransportProtocol[] {
  const { enableUdp, enableTcp, preferUdp, preferTcp } = options;
  const inOrder: TransportProtocol[] = preferTcp && !preferUdp ? ['tcp', 'udp'] : ['udp', 'tcp'];
  return inOrder.filter((protocol) => (protocol === 'udp' ? enableUdp : enableTcp));
}

/** @param bytes default size of messages and of the buffer */
export function sctpCreation(options: SctpOptions, bytes: number): SctpCreation {
  const {
    enableSctp = false,
    numSctpStreams = DEFAULT_SCTP_STREAMS,
    maxSctpMessageSize = bytes,
    sctpSendBufferSize = bytes,
  } = options;
  checkCount('numSctpStreams.OS', numSctpStreams?.OS, SCTP_STREAMS_MAX);
  checkCount('numSctpStreams.MIS', numSctpStreams?.MIS, SCTP_STREAMS_MAX);
  checkCount('maxSctpMessageSize', maxSctpMessageSize, MESSAGE_BYTES_MAX);
  checkCount('sctpSendBufferSize', sctpSendBufferSize, MESSAGE_BYTES_MAX);
  return { enableSctp: Boolean(enableSctp), numSctpStreams, maxSctpMessageSize, sctpSendBufferSize };
}
