/** A peer that knows UDP only, over one TCP connection: its datagrams become frames (RFC 4571) and frames become datagrams. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const IP = '127.0.0.1';

export class TcpBridge {
  readonly #udp: UdpSocket;
  readonly #tcp: Socket;
  #peerPort: number | undefined;
  #bytes = Buffer.alloc(0);

  private constructor(udp: UdpSocket, tcp: Socket) {
    this.#udp = udp;
    this.#tcp = tcp;
    tcp.on('error', () => {}); // a reset is an end like any other
    tcp.on('data', (more: Buffer) => this.#take(more));
    udp.on('message', (bytes, { port }) => {
      this.#peerPort = port;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      tcp.write(Buffer.concat([length, bytes]));
    });
  }

  static async open(port: number, ip = IP): Promise<TcpBridge> {
    const udp = createSocket('udp4').bind(0, IP);
    const tcp = connect({ host: ip, port, noDelay: true });
    await Promise.all([once(udp, 'listening'), once(tcp, 'connect')]);
    return new TcpBridge(udp, tcp);
  }

  /** For the peer, in place of the real one's. */
  get address(): { address: string; port: number } {
    return { address: IP, port: this.#udp.address().port };
  }

  get localPort(): number {
    return this.#tcp.localPort ?? 0;
  }

  /** The server has ended the connection. */
  get ended(): boolean {
    return this.#tcp.readableEnded || this.#tcp.destroyed;
  }

  close(): void {
    this.#tcp.destroy();
    this.#udp.close();
  }

  #take(more: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, more]);
    while (this.#bytes.length >= 2) {
      const end = 2 + this.#bytes.readUInt16BE(0);
      if (this.#bytes.length < end) return;
      if (this.#peerPort !== undefined) this.#udp.send(this.#bytes.subarray(2, end), this.#peerPort, IP);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}
