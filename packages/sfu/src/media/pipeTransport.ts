/**
 * The link to a router elsewhere: all streams of a producer unchanged, optionally SRTP and retransmissions. Contract:
 * mediasoup v3 PipeTransport. Elsewhere: sockets → remoteEnd.ts · keys → srtpKeys.ts · which streams → consumer.ts
 */
import { InvalidStateError } from '../channel/errors.js';
import type { PipeTransportCreated, PipeTransportCreation } from '../channel/messages.js';
import type { PipeTransportDump, PipeTransportStat, SrtpParameters, TransportTuple } from '../types.js';
import type { MediaContext } from './context.js';
import type { Directory } from './directory.js';
import { RemoteEnd, sctpRole } from './remoteEnd.js';
import type { Router } from './router.js';
import { newSrtpParameters, setSrtpKeys } from './srtpKeys.js';
import { Transport } from './transport.js';

/** The other end is a server of the same operator: a whole room may come through. */
export const PIPE_LIMITS = { packetsPerSecond: 1_000_000, burst: 200_000, sources: 4_096 } as const;
/** Both ends are ours: the strongest suite there is. */
const CRYPTO_SUITE = 'AEAD_AES_256_GCM';

export class PipeTransport extends Transport {
  readonly #end: RemoteEnd;
  readonly #rtx: boolean;
  readonly #srtpParameters: SrtpParameters | undefined;

  /** @throws InvalidStateError when the port cannot be had. */
  constructor(context: MediaContext, directory: Directory, router: Router, creation: PipeTransportCreation) {
    const end = new RemoteEnd(context, creation.listenInfo);
    try {
      super(context, directory, router, creation);
    } catch (error) {
      end.close();
      throw error;
    }
    this.#end = end;
    this.#rtx = creation.enableRtx;
    const { engine } = context;
    engine.setRateLimit(this.peer, PIPE_LIMITS.packetsPerSecond, PIPE_LIMITS.burst, PIPE_LIMITS.sources);
    if (creation.enableSrtp) this.#srtpParameters = newSrtpParameters(CRYPTO_SUITE, context.secretBytes);
    else engine.setPlain(this.peer);
    if (creation.enableSctp) engine.acceptSctp(this.peer);
    end.own(this.peer, false);
  }

  created(): PipeTransportCreated {
    const sctpParameters = this.data.parameters();
    return {
      tuple: this.#end.tuple,
      ...(sctpParameters ? { sctpParameters } : {}),
      ...(this.#srtpParameters ? { srtpParameters: this.#srtpParameters } : {}),
    };
  }

  /** @throws InvalidStateError (`ALREADY_CONNECTED`, `ADDRESS_IN_USE`), OptionError: nothing is changed then. */
  connect(
    { ip, port, srtpParameters }: { ip: string; port: number; srtpParameters?: SrtpParameters },
    nowMicros: number,
  ): TransportTuple {
    if (this.#end.address) throw new InvalidStateError('connect() already called', 'ALREADY_CONNECTED');
    const { engine } = this.context;
    if (this.#srtpParameters && srtpParameters)
      setSrtpKeys(engine, this.peer, this.#srtpParameters, srtpParameters);
    this.#end.connect(ip, port);
    this.rtp.setReady(true, nowMicros);
    this.data.start(sctpRole(this.#end.tuple), 'without-dtls');
    return this.#end.tuple;
  }

  override handleSctp(_at: number, bytes: Uint8Array): void {
    this.data.handlePacket(bytes);
  }

  stats(nowMicros: number): PipeTransportStat {
    return { type: 'pipe-transport', ...this.baseStats(nowMicros), tuple: this.#end.tuple };
  }

  dump(): PipeTransportDump {
    const { tuple, srtpParameters } = this.created();
    return {
      ...this.baseDump(),
      tuple,
      rtx: this.#rtx,
      ...(srtpParameters ? { srtpParameters } : {}),
    };
  }

  protected override captureTuple(): TransportTuple {
    return this.#end.tuple;
  }

  protected sendData(bytes: Uint8Array): void {
    this.#end.send(bytes);
  }

  protected override releaseSockets(): void {
    this.#end.close();
  }
}
