/** One peer connection's server side: ICE-lite, DTLS, SCTP. Contract: mediasoup v3 WebRtcTransport. */
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent, WebRtcTransportCreated } from '../channel/messages.js';
import type {
  AppData,
  DtlsParameters,
  DtlsState,
  IceCandidate,
  IceParameters,
  IceState,
  TransportTuple,
  WebRtcTransportDump,
  WebRtcTransportStat,
} from '../types.js';
import { DataChannel } from './dataChannel.js';
import type { ListenerErrorEvent } from './enhancedEventEmitter.js';
import type { CloseCause } from './entity.js';
import {
  Transport,
  type SctpTransportEvents,
  type TransportConstruction,
  type TransportEvents,
  type TransportObserverEvents,
} from './transport.js';

const FINGERPRINT_ALGORITHMS = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'];
const DTLS_ROLES = ['auto', 'client', 'server'];

type StateEvents = SctpTransportEvents & {
  icestatechange: [iceState: IceState];
  iceselectedtuplechange: [iceSelectedTuple: TransportTuple];
  dtlsstatechange: [dtlsState: DtlsState];
};
type PublicEvents = TransportEvents & StateEvents;
type PublicObserverEvents = TransportObserverEvents & StateEvents;
/** `listenererror` names mediasoup's events: whoever switches over them need not know ours. */
export type WebRtcTransportEvents = PublicEvents &
  ListenerErrorEvent<PublicEvents> & {
    /** Ours: the peer opened a data channel. */
    datachannel: [dataChannel: DataChannel];
  };
export type WebRtcTransportObserverEvents = PublicObserverEvents &
  ListenerErrorEvent<PublicObserverEvents> & {
    /** Ours. */
    newdatachannel: [dataChannel: DataChannel];
  };

/**
 * `icestatechange`, `iceselectedtuplechange` and `dtlsstatechange` follow the peer's path; `sctpstatechange` where SCTP is on.
 * ICE `connected` or `completed` comes before DTLS `connecting`; media flows from DTLS `connected` on. When the peer is not
 * heard of for `iceConsentTimeout`, ICE becomes `disconnected`; a later check brings it back.
 */
export class WebRtcTransport<TransportAppData extends AppData = AppData> extends Transport<
  TransportAppData,
  WebRtcTransportEvents,
  WebRtcTransportObserverEvents
> {
  readonly type = 'webrtc';
  readonly iceRole = 'controlled';
  readonly #iceCandidates: readonly IceCandidate[];
  readonly #dataChannels = new Map<number, DataChannel>();
  #iceParameters: IceParameters;
  #iceState: IceState = 'new';
  #iceSelectedTuple: TransportTuple | undefined;
  #dtlsParameters: DtlsParameters;
  #dtlsState: DtlsState = 'new';
  #dtlsRemoteCert: string | undefined;

  /** Not for applications: use `router.createWebRtcTransport`. */
  constructor(options: TransportConstruction<WebRtcTransportCreated, TransportAppData>) {
    super(options);
    this.#iceCandidates = options.data.iceCandidates;
    this.#iceParameters = options.data.iceParameters;
    this.#dtlsParameters = options.data.dtlsParameters;
  }

  /** The server's credentials; new after `restartIce`. */
  get iceParameters(): IceParameters {
    return this.#iceParameters;
  }
  /** One per listen info that is in use, in order of preference. */
  get iceCandidates(): IceCandidate[] {
    return [...this.#iceCandidates];
  }
  /** `new` until the first authenticated check, `closed` at the end. */
  get iceState(): IceState {
    return this.#iceState;
  }
  /** The path in use; undefined before the first check and after a loss. */
  get iceSelectedTuple(): TransportTuple | undefined {
    return this.#iceSelectedTuple;
  }
  /** The server's fingerprints; `role` is settled by `connect`. */
  get dtlsParameters(): DtlsParameters {
    return this.#dtlsParameters;
  }
  /** `failed` when the handshake did not end within 30 s, or the certificate is another one. */
  get dtlsState(): DtlsState {
    return this.#dtlsState;
  }
  /** PEM, once connected. */
  get dtlsRemoteCert(): string | undefined {
    return this.#dtlsRemoteCert;
  }

  /** What the media process keeps of it. */
  dump(): Promise<WebRtcTransportDump> {
    return this.requestDump();
  }

  /** One entry. */
  getStats(): Promise<WebRtcTransportStat[]> {
    return this.requestStats();
  }

  /**
   * The peer's certificate. Nothing is encrypted for a peer whose certificate has none of these fingerprints.
   * @throws TypeError for malformed parameters; InvalidStateError when called twice.
   */
  async connect({ dtlsParameters }: { dtlsParameters: DtlsParameters }): Promise<void> {
    this.assertOpen();
    const fingerprints = dtlsParameters?.fingerprints;
    if (!Array.isArray(fingerprints) || fingerprints.length === 0)
      throw new OptionError('dtlsParameters.fingerprints: not a non-empty array');
    for (const { algorithm, value } of fingerprints) {
      if (!FINGERPRINT_ALGORITHMS.includes(algorithm))
        throw new OptionError(
          `dtlsParameters.fingerprints: algorithm '${algorithm}' is none of ${FINGERPRINT_ALGORITHMS.join(', ')}`,
        );
      if (typeof value !== 'string')
        throw new OptionError('dtlsParameters.fingerprints: value is not a string');
    }
    const { role } = dtlsParameters;
    if (role !== undefined && !DTLS_ROLES.includes(role))
      throw new OptionError(`dtlsParameters.role: '${String(role)}' is none of ${DTLS_ROLES.join(', ')}`);
    const { dtlsLocalRole } = await this.process.request('transport.connect', {
      transportId: this.id,
      dtlsParameters,
    });
    this.#dtlsParameters = { ...this.#dtlsParameters, role: dtlsLocalRole };
  }

  /** New credentials. The old ones are good until a check with the new ones comes; DTLS and everything above stay. */
  async restartIce(): Promise<IceParameters> {
    this.assertOpen();
    this.#iceParameters = await this.process.request('transport.restartIce', { transportId: this.id });
    return this.#iceParameters;
  }

  protected override release(cause: CloseCause): void {
    this.#iceState = 'closed';
    this.#iceSelectedTuple = undefined;
    this.#dtlsState = 'closed';
    for (const channel of this.#dataChannels.values()) channel.handleClose('the transport is closed');
    this.#dataChannels.clear();
    super.release(cause);
  }

  protected override handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'transport.iceState':
        this.#iceState = event.iceState;
        this.safeEmit('icestatechange', event.iceState);
        this.observer.safeEmit('icestatechange', event.iceState);
        return;
      case 'transport.tuple':
        this.#iceSelectedTuple = event.tuple;
        this.safeEmit('iceselectedtuplechange', event.tuple);
        this.observer.safeEmit('iceselectedtuplechange', event.tuple);
        return;
      case 'transport.dtlsState':
        this.#dtlsState = event.dtlsState;
        if (event.remoteCertificate !== undefined) this.#dtlsRemoteCert = event.remoteCertificate;
        this.safeEmit('dtlsstatechange', event.dtlsState);
        this.observer.safeEmit('dtlsstatechange', event.dtlsState);
        return;
      case 'dataChannel.open': {
        const { channelId: id, label, protocol, ordered } = event;
        const channel = new DataChannel({
          process: this.process,
          transportId: this.id,
          id,
          label,
          protocol,
          ordered,
        });
        this.#dataChannels.set(id, channel);
        this.safeEmit('datachannel', channel);
        this.observer.safeEmit('newdatachannel', channel);
        return;
      }
      case 'dataChannel.message':
        this.#dataChannels.get(event.channelId)?.handleMessage(event.data);
        return;
      case 'dataChannel.bufferedAmount':
        this.#dataChannels.get(event.channelId)?.handleBufferedAmount(event.bufferedAmount);
        return;
      case 'dataChannel.close': {
        const channel = this.#dataChannels.get(event.channelId);
        this.#dataChannels.delete(event.channelId);
        channel?.handleClose(event.reason);
        return;
      }
      default:
        super.handle(event);
    }
  }
}
