/** RTP, SRTP and SCTP over UDP without ICE. Contract: mediasoup v3 PlainTransport. */
import { isIP } from 'node:net';
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent, PlainTransportCreated } from '../channel/messages.js';
import type {
  AppData,
  PlainTransportConnectOptions,
  PlainTransportDump,
  PlainTransportStat,
  SrtpParameters,
  TransportTuple,
} from '../types.js';
import { checkPort, checkSrtpParameters } from './srtpParameters.js';
import {
  Transport,
  type SctpTransportEvents,
  type TransportConstruction,
  type TransportEvents,
  type TransportObserverEvents,
} from './transport.js';

type TupleEvents = SctpTransportEvents & {
  /** Comedia: the peer's first packet came. */
  tuple: [tuple: TransportTuple];
  rtcptuple: [rtcpTuple: TransportTuple];
};
export type PlainTransportEvents = TransportEvents & TupleEvents;
export type PlainTransportObserverEvents = TransportObserverEvents & TupleEvents;

export interface PlainTransportData extends PlainTransportCreated {
  readonly rtcpMux: boolean;
  readonly comedia: boolean;
}

export class PlainTransport<PlainTransportAppData extends AppData = AppData> extends Transport<
  PlainTransportAppData,
  PlainTransportEvents,
  PlainTransportObserverEvents
> {
  readonly type = 'plain';
  readonly #comedia: boolean;
  readonly #rtcpMux: boolean;
  #tuple: TransportTuple;
  #rtcpTuple: TransportTuple | undefined;
  #srtpParameters: SrtpParameters | undefined;

  /** Not for applications: use `router.createPlainTransport`. */
  constructor(options: TransportConstruction<PlainTransportData, PlainTransportAppData>) {
    super(options);
    const { data } = options;
    this.#comedia = data.comedia;
    this.#rtcpMux = data.rtcpMux;
    this.#tuple = data.tuple;
    this.#rtcpTuple = data.rtcpTuple;
    this.#srtpParameters = data.srtpParameters;
  }

  /** The remote half is there once connected, or with comedia once the peer has sent. */
  get tuple(): TransportTuple {
    return this.#tuple;
  }
  /** Undefined with `rtcpMux`. */
  get rtcpTuple(): TransportTuple | undefined {
    return this.#rtcpTuple;
  }
  /** With the server's key; undefined without SRTP. */
  get srtpParameters(): SrtpParameters | undefined {
    return this.#srtpParameters;
  }

  /** What the media process keeps of it. */
  dump(): Promise<PlainTransportDump> {
    return this.requestDump();
  }

  /** One entry. */
  getStats(): Promise<PlainTransportStat[]> {
    return this.requestStats();
  }

  /**
   * The peer's address, and its key with SRTP. With comedia the address must be absent: the peer's first packet tells it.
   * @throws TypeError naming what is missing or too much; InvalidStateError when it is connected.
   */
  async connect({ ip, port, rtcpPort, srtpParameters }: PlainTransportConnectOptions = {}): Promise<void> {
    this.assertOpen();
    if (this.#comedia) {
      if (ip !== undefined) throw new OptionError('ip: cannot be given with comedia');
      if (port !== undefined) throw new OptionError('port: cannot be given with comedia');
      if (rtcpPort !== undefined) throw new OptionError('rtcpPort: cannot be given with comedia');
    } else {
      if (typeof ip !== 'string' || isIP(ip) === 0) throw new OptionError('ip: not an IP address');
      checkPort('port', port);
      if (this.#rtcpMux && rtcpPort !== undefined)
        throw new OptionError('rtcpPort: cannot be given with rtcpMux');
      if (!this.#rtcpMux) checkPort('rtcpPort', rtcpPort);
    }
    checkSrtpParameters(srtpParameters, this.#srtpParameters !== undefined);
    const connected = await this.process.request('transport.connectPlain', {
      transportId: this.id,
      ...(ip === undefined ? {} : { ip }),
      ...(port === undefined ? {} : { port }),
      ...(rtcpPort === undefined ? {} : { rtcpPort }),
      ...(srtpParameters === undefined ? {} : { srtpParameters }),
    });
    this.#tuple = connected.tuple;
    if (connected.rtcpTuple) this.#rtcpTuple = connected.rtcpTuple;
    if (connected.srtpParameters) this.#srtpParameters = connected.srtpParameters;
  }

  protected override handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'transport.tuple':
        this.#tuple = event.tuple;
        this.safeEmit('tuple', event.tuple);
        this.observer.safeEmit('tuple', event.tuple);
        return;
      case 'transport.rtcpTuple':
        this.#rtcpTuple = event.tuple;
        this.safeEmit('rtcptuple', event.tuple);
        this.observer.safeEmit('rtcptuple', event.tuple);
        return;
      default:
        super.handle(event);
    }
  }
}
