/**
 * One UDP socket for one remote address, without ICE: given by the application, or learnt once from the first packet.
 * The engine refuses everybody else. Elsewhere: what is sent and received → plainTransport.ts, pipeTransport.ts
 */
import { isIPv6 } from 'node:net';
import { addressIp, addressPort, toAddress } from '@tertulia/engine';
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type { TransportListenInfo, TransportTuple } from '../types.js';
import type { MediaContext } from './context.js';
import { closeSockets, openSockets } from './listen.js';
import type { ListenSocket } from './listen.js';

export class RemoteEnd {
  readonly #context: MediaContext;
  readonly #sockets: readonly ListenSocket[];
  readonly #listen: ListenSocket;
  readonly #ipv6Only: boolean;
  #peer: number | undefined;
  #address: Uint8Array | undefined;

  /** @throws InvalidStateError when the port cannot be had. */
  constructor(context: MediaContext, info: TransportListenInfo) {
    this.#context = context;
    this.#sockets = openSockets(context, [info]);
    this.#ipv6Only = info.flags?.ipv6Only ?? false;
    this.#listen = this.#sockets[0]!;
  }

  get socket(): number {
    return this.#listen.socket;
  }

  /** Not yet: nobody is sent anything. */
  get address(): Uint8Array | undefined {
    return this.#address;
  }

  /** @param latch whoever sends the first packet that the peer can open is the remote end */
  own(peer: number, latch: boolean): void {
    this.#peer = peer;
    this.#context.engine.ownSocket(peer, this.socket, latch);
  }

  /** @throws OptionError for an IPv4 address where IPv6 is spoken, or the other way round. */
  check(ip: string): void {
    const { ip: localIp } = this.#listen;
    const takesBoth = localIp === '::' && !this.#ipv6Only;
    if (isIPv6(ip) !== isIPv6(localIp) && !takesBoth)
      throw new OptionError(`ip: '${ip}' cannot be reached from ${localIp}`, 'ADDRESS_FAMILY');
  }

  /** @throws OptionError, InvalidStateError: nothing is changed then. */
  connect(ip: string, port: number): void {
    this.check(ip);
    const address = toAddress(ip, port);
    const { engine } = this.#context;
    if (!engine.bindAddress(this.#peer!, this.socket, address))
      throw new InvalidStateError('the address belongs to another transport', 'ADDRESS_IN_USE');
    engine.selectAddress(this.#peer!, this.socket, address);
    this.#address = address;
  }

  /** The engine has latched. @param address of a packet that it let pass; copied */
  learn(address: Uint8Array): void {
    this.#address = address.slice();
  }

  send(bytes: Uint8Array): void {
    if (this.#address) this.#context.engine.sendTo(this.socket, this.#address, bytes);
  }

  get tuple(): TransportTuple {
    const { announcedAddress, port } = this.#listen;
    const address = this.#address;
    return {
      localAddress: announcedAddress,
      localIp: announcedAddress,
      localPort: port,
      ...(address ? { remoteIp: addressIp(address), remotePort: addressPort(address) } : {}),
      protocol: 'udp',
    };
  }

  close(): void {
    closeSockets(this.#context.engine, this.#sockets);
  }
}

/**
 * Of two sides without DTLS exactly one begins the association: the one with the smaller port. Behind announced and
 * wildcard addresses both know their ports, but not each other's view of their addresses; those decide between equal ports.
 */
export function sctpRole({
  localIp,
  localPort,
  remoteIp = '',
  remotePort = 0,
}: TransportTuple): 'client' | 'server' {
  if (localPort !== remotePort) return localPort < remotePort ? 'client' : 'server';
  return localIp < remoteIp ? 'client' : 'server';
}
