/**
 * One peer: where it is (ICE), with what keys (DTLS), what it sends and gets (RTP session), its data channels.
 * Glue between machines that do not know each other; each answers with what is to be done, and it is done here.
 * Spec: docs/architecture.md "A peer that moves". Elsewhere: each machine in its own folder · sockets → listen.ts
 */
import { ADDRESS_BYTES, EngineError, ROW_ADDRESS, ROW_SOCKET } from '@tertulia/engine';
import type { Dtls } from '@tertulia/engine';
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type { InjectedKeys, WebRtcTransportCreated, WebRtcTransportCreation } from '../channel/messages.js';
import type {
  DtlsParameters,
  DtlsRole,
  DtlsState,
  IceCandidate,
  IceParameters,
  IceState,
  TransportTuple,
  WebRtcTransportDump,
  WebRtcTransportStat,
} from '../types.js';
import type { MediaContext } from './context.js';
import type { Directory } from './directory.js';
import { DtlsSession } from './dtls/index.js';
import { IceLite, toTuple } from './ice/index.js';
import type { IceOutput, Tuple } from './ice/index.js';
import { candidatesOf, closeSockets, isEnabled, openSockets, publicTuple } from './listen.js';
import type { ListenSocket } from './listen.js';
import type { Router } from './router.js';
import { rowAddress, Transport } from './transport.js';
import type { WebRtcServer } from './webRtcServer.js';

export const TRANSPORT_LIMITS = {
  /** RFC 8445 §5.3 wants at least 24 and 128 bits; ICE's alphabet has 6 bits per character. */
  usernameFragmentCharacters: 16,
  passwordCharacters: 32,
  /** IPv6's least path MTU is 1280. */
  dtlsDatagramBytes: 1200,
} as const;

const ADDRESS_WORDS = ADDRESS_BYTES / 4;
/** No address: packets for this peer are dropped as 'peer-no-address'. */
const NOWHERE = new Uint8Array(ADDRESS_BYTES);

export class WebRtcTransport extends Transport {
  readonly server: WebRtcServer | undefined;
  readonly #sockets: readonly ListenSocket[];
  readonly #iceCandidates: readonly IceCandidate[];
  readonly #ice: IceLite;
  #iceParameters: IceParameters;
  #fragments: readonly string[] = [];
  #iceState: IceState = 'new';
  #selected: Tuple | undefined;
  /** The same address as words, to compare with rows. */
  #selectedWords = new Uint32Array(ADDRESS_WORDS);
  /** The next authenticated packet of the selected tuple confirms it. */
  #confirmationDue = false;
  /** Of the last authenticated packet from where we send to. */
  #packetMicros = -Infinity;
  #dtlsParameters: DtlsParameters | undefined;
  #dtlsRole: 'client' | 'server' | undefined;
  #dtls: DtlsSession | undefined;
  #native: Dtls | undefined;
  #dtlsState: DtlsState = 'new';
  /** PEM, once connected. */
  #remoteCertificate: string | undefined;
  /** The engine has SRTP keys. */
  #keyed = false;

  constructor(
    context: MediaContext,
    directory: Directory,
    router: Router,
    server: WebRtcServer | undefined,
    creation: WebRtcTransportCreation,
  ) {
    // Before anything that would have to be undone when a port cannot be had.
    // Listen infos of its own say by themselves what is wanted; the options choose among a server's sockets.
    const choice = server ? creation : {};
    const sockets = server
      ? server.sockets.filter((socket) => isEnabled(socket, choice))
      : openSockets(context, creation.listenInfos ?? []);
    if (sockets.length === 0)
      throw new OptionError('enableUdp, enableTcp: the WebRtcServer has no socket for what is left');
    super(context, directory, router, creation);
    this.server = server;
    this.#sockets = sockets;
    this.#iceCandidates = candidatesOf(server ? server.sockets : sockets, choice);
    this.rtp.outgoing.startBitrate = creation.initialAvailableOutgoingBitrate;
    this.#iceParameters = this.#newIceParameters();
    this.#ice = new IceLite({
      ...this.#iceParameters,
      // 0 = never, in mediasoup's terms.
      consentTimeoutMicros: creation.iceConsentTimeout > 0 ? creation.iceConsentTimeout * 1e6 : Infinity,
      hmac: context.hmac,
      nowMicros: context.engine.now(),
    });
    this.#registerFragments();
  }

  get iceState(): IceState {
    return this.#iceState;
  }

  /** Under which checks for it may come at present. */
  get usernameFragments(): readonly string[] {
    return this.#fragments;
  }

  get boundTuples(): readonly Tuple[] {
    return this.#ice.boundTuples;
  }

  created(): WebRtcTransportCreated {
    const sctpParameters = this.data.parameters();
    return {
      iceParameters: this.#iceParameters,
      iceCandidates: this.#iceCandidates,
      dtlsParameters: { role: 'auto', fingerprints: [...this.context.dtlsContext.fingerprints] },
      ...(sctpParameters ? { sctpParameters } : {}),
    };
  }

  // ---- requests ----

  /** @throws InvalidStateError (`ALREADY_CONNECTED`). */
  connect(dtlsParameters: DtlsParameters, nowMicros: number): DtlsRole {
    if (this.#dtlsParameters) throw new InvalidStateError('connect() already called', 'ALREADY_CONNECTED');
    this.#dtlsParameters = dtlsParameters;
    // Who sets no role leaves the choice to us; as the controlled ICE agent we take the client's, as mediasoup does.
    this.#dtlsRole = dtlsParameters.role === 'client' ? 'server' : 'client';
    this.#startDtls(nowMicros);
    this.arm();
    return this.#dtlsRole;
  }

  restartIce(nowMicros: number): IceParameters {
    this.#iceParameters = this.#newIceParameters();
    this.#ice.restart(this.#iceParameters, nowMicros);
    this.#registerFragments();
    return this.#iceParameters;
  }

  /** In place of ICE and DTLS: simulations and benches. */
  injectKeys(keys: InjectedKeys, nowMicros: number): void {
    const tuple = toTuple(keys.socket ?? this.#sockets[0]?.socket ?? 0, keys.address);
    const { engine } = this.context;
    if (!engine.bindAddress(this.peer, tuple.socket, tuple.address)) {
      throw new InvalidStateError('the address belongs to another transport', 'ADDRESS_IN_USE');
    }
    this.#select(tuple);
    engine.setKeys(this.peer, keys.profile, keys);
    this.#iceState = 'completed';
    this.#dtlsState = 'connected';
    this.#keyed = true;
    this.rtp.setReady(true, nowMicros);
  }

  // ---- datagrams ----

  /** A check that names one of our fragments. @param address valid during the call only */
  handleStun(socket: number, address: Uint8Array, bytes: Uint8Array, nowMicros: number): void {
    if (!this.#sockets.some((own) => own.socket === socket)) {
      this.rtp.drops.count('stun-wrong-socket');
      return;
    }
    const tuple = toTuple(socket, address);
    this.#apply(this.#ice.handleStun(tuple, bytes, nowMicros), tuple, nowMicros);
    if (this.#fragments.length > 1) this.#registerFragments();
    this.context.timers.setNoLaterThan(this.timed, this.#ice.nextDeadline());
  }

  /** From a tuple that ICE has bound. @param at the row's first word */
  override handleDtls(at: number, bytes: Uint8Array, nowMicros: number): void {
    if (!this.#dtls) {
      this.rtp.drops.count('dtls-before-connect');
    } else if (this.#dtls.state === 'connected') {
      this.#dtls.handleDatagram(bytes, nowMicros);
      // A record that was accepted proves the path; in the handshake nothing is authenticated yet.
      if (this.#serveDtls(nowMicros)) this.#noteSource(at, nowMicros);
      this.arm();
    } else if (this.#dtls.state === 'new' || this.#dtls.state === 'connecting') {
      this.context.handshakes.offer(this, bytes, nowMicros);
    } else {
      this.rtp.drops.count('dtls-refused');
    }
  }

  /** When it is this session's turn. */
  handleHandshake(bytes: Uint8Array, nowMicros: number): void {
    if (!this.#dtls) return;
    this.#dtls.handleDatagram(bytes, nowMicros);
    this.#serveDtls(nowMicros);
    this.arm();
  }

  /** @param at the row's first word */
  override handleRtp(at: number, nowMicros: number): void {
    this.#noteSource(at, nowMicros);
    this.rtp.handleRtp(at, nowMicros);
  }

  override handleRtcp(at: number, bytes: Uint8Array, nowMicros: number): void {
    this.#noteSource(at, nowMicros);
    this.rtp.handleRtcp(bytes, nowMicros);
  }

  /** @param at the row's first word */
  override handleClosed(at: number, nowMicros: number): void {
    const { rows } = this.context.engine;
    this.#lose(toTuple(rows[at + ROW_SOCKET]!, rowAddress(rows, at)), nowMicros);
    this.arm();
  }

  // ---- state ----

  stats(nowMicros: number): WebRtcTransportStat {
    const selected = this.#publicTuple();
    const { drops, ...base } = this.baseStats(nowMicros);
    return {
      type: 'webrtc-transport',
      ...base,
      iceRole: 'controlled',
      iceState: this.#iceState,
      ...(selected ? { iceSelectedTuple: selected } : {}),
      dtlsState: this.#dtlsState,
      drops: { ...drops, ...this.#ice.stats().drops },
    };
  }

  dump(): WebRtcTransportDump {
    const { dtlsParameters, iceCandidates, iceParameters } = this.created();
    const selected = this.#publicTuple();
    const ours = {
      webRtcServerId: this.server?.id,
      ice: this.#ice.stats(),
      dtlsRole: this.#dtlsRole,
      dtlsFailure: this.#dtls?.failure,
      srtpProfile: this.#native?.srtpProfile,
    };
    return {
      ...this.baseDump(),
      iceRole: 'controlled',
      iceParameters,
      iceCandidates: [...iceCandidates],
      iceState: this.#iceState,
      ...(selected ? { iceSelectedTuple: selected } : {}),
      dtlsParameters: { ...dtlsParameters, role: this.#dtlsRole ?? 'auto' },
      dtlsState: this.#dtlsState,
      ...(this.#remoteCertificate === undefined ? {} : { dtlsRemoteCert: this.#remoteCertificate }),
      ...ours,
    };
  }

  /** Says goodbye to the peer. */
  protected override release(nowMicros: number): void {
    this.context.handshakes.forget(this);
    if (this.#dtls) {
      this.#dtls.close(nowMicros);
      this.#sendDtls();
    }
    this.#ice.close();
    for (const fragment of this.#fragments) this.directory.byFragment.delete(fragment);
    this.#native?.free();
  }

  protected override releaseSockets(): void {
    if (this.server) this.server.transports.delete(this);
    else closeSockets(this.context.engine, this.#sockets);
  }

  // ---- ICE ----

  #newIceParameters(): IceParameters {
    const { secretText } = this.context;
    return {
      usernameFragment: secretText(TRANSPORT_LIMITS.usernameFragmentCharacters),
      password: secretText(TRANSPORT_LIMITS.passwordCharacters),
      iceLite: true,
    };
  }

  /** All fragments under which checks for this transport may come at present. */
  #registerFragments(): void {
    const wanted = this.#ice.usernameFragments;
    for (const fragment of this.#fragments)
      if (!wanted.includes(fragment)) this.directory.byFragment.delete(fragment);
    for (const fragment of wanted) this.directory.byFragment.set(fragment, this);
    this.#fragments = wanted;
  }

  #apply(output: IceOutput, from: Tuple | undefined, nowMicros: number): void {
    const { engine, emit } = this.context;
    if (output.drop !== undefined) this.context.drops.count(output.drop);
    for (const { socket, address } of output.unbind ?? []) engine.unbindAddress(this.peer, socket, address);
    const refused =
      output.bind && !engine.bindAddress(this.peer, output.bind.socket, output.bind.address)
        ? output.bind
        : undefined;
    if (refused) this.rtp.drops.count('ice-bind-refused');
    if (output.select) {
      this.#select(output.select);
      this.#confirmationDue = true;
      emit({
        event: 'transport.tuple',
        transportId: this.id,
        tuple: publicTuple(this.#sockets, output.select),
      });
    }
    if (output.reply && from) engine.sendTo(from.socket, from.address, output.reply);
    if (output.state !== undefined) {
      this.#iceState = output.state;
      if (output.state === 'disconnected') this.#loseAddress(nowMicros);
      emit({ event: 'transport.iceState', transportId: this.id, iceState: output.state });
    }
    if (output.select) {
      this.#startDtls(nowMicros);
      this.rtp.setReady(this.#keyed, nowMicros);
    }
    // A connection that ended while its first check was on the way up: nothing else will tell.
    if (refused && this.#isTcp(refused)) this.#lose(refused, nowMicros);
  }

  #isTcp({ socket }: Tuple): boolean {
    return this.#sockets.some((own) => own.socket === socket && own.protocol === 'tcp');
  }

  #lose(tuple: Tuple, nowMicros: number): void {
    this.#apply(this.#ice.handleLost(tuple, nowMicros), undefined, nowMicros);
  }

  #select(tuple: Tuple): void {
    this.#selected = tuple;
    this.#packetMicros = -Infinity;
    this.#selectedWords = new Uint32Array(tuple.address.slice().buffer);
    this.context.engine.selectAddress(this.peer, tuple.socket, tuple.address);
  }

  /** Without consent nothing may be sent (RFC 7675 §5.1). */
  #loseAddress(nowMicros: number): void {
    this.rtp.setReady(false, nowMicros);
    this.#selected = undefined;
    try {
      this.context.engine.selectAddress(this.peer, 0, NOWHERE);
    } catch (error) {
      // The engine says that nothing can be sent there, which is what is wanted: the old address is forgotten.
      if (!(error instanceof EngineError) || error.code !== 'BAD_ADDRESS') throw error;
    }
  }

  /** An authenticated packet: does it come from where we send to? Cheap, because it is asked for every packet. */
  #noteSource(at: number, nowMicros: number): void {
    const { rows } = this.context.engine;
    const selected = this.#selected;
    if (selected && selected.socket === rows[at + ROW_SOCKET] && !this.#confirmationDue) {
      const words = this.#selectedWords;
      let same = true;
      for (let i = 0; i < ADDRESS_WORDS; i++) if (words[i] !== rows[at + ROW_ADDRESS + i]) same = false;
      if (same) {
        this.#packetMicros = nowMicros;
        return;
      }
    }
    const tuple = toTuple(rows[at + ROW_SOCKET]!, rowAddress(rows, at));
    if (selected?.key === tuple.key) this.#confirmationDue = false;
    this.#apply(this.#ice.handleAuthenticated(tuple, nowMicros), undefined, nowMicros);
  }

  // ---- DTLS ----

  /** A server waits for the peer's hello; a client can begin once there is an address. */
  #startDtls(nowMicros: number): void {
    if (this.#dtls || !this.#dtlsParameters || !this.#dtlsRole || this.closed) return;
    if (this.#dtlsRole === 'client' && !this.#selected) return;
    const { engine, dtlsContext } = this.context;
    this.#native = engine.createDtls(dtlsContext, {
      role: this.#dtlsRole,
      mtu: TRANSPORT_LIMITS.dtlsDatagramBytes,
    });
    this.#dtls = new DtlsSession({ dtls: this.#native, role: this.#dtlsRole, nowMicros });
    this.#dtls.setRemoteFingerprints(this.#dtlsParameters.fingerprints, nowMicros);
    this.#serveDtls(nowMicros);
    this.arm();
  }

  /** After every call into the session. @returns whether application data came out */
  #serveDtls(nowMicros: number): boolean {
    const session = this.#dtls!;
    this.#sendDtls();
    if (session.state !== this.#dtlsState) {
      this.#dtlsState = session.state;
      if (session.state === 'connected' && session.srtpReady && this.#native) {
        this.context.engine.setKeysFromDtls(this.peer, this.#native);
        this.#keyed = true;
        this.rtp.setReady(this.#selected !== undefined, nowMicros);
      }
      const { failure } = session;
      if (session.state === 'connected') this.#remoteCertificate = this.#native?.remoteCertificatePem;
      const remoteCertificate = session.state === 'connected' ? this.#remoteCertificate : undefined;
      this.context.emit({
        event: 'transport.dtlsState',
        transportId: this.id,
        dtlsState: session.state,
        ...(remoteCertificate === undefined ? {} : { remoteCertificate }),
        ...(failure === undefined ? {} : { failure }),
      });
      if (session.state === 'connected') this.data.start(session.role);
    }
    const data = session.takeData();
    for (const bytes of data) this.data.handlePacket(bytes);
    if (session.state === 'closed' || session.state === 'failed') this.data.lose();
    return data.length > 0;
  }

  #sendDtls(): void {
    const output = this.#dtls!.takeOutput();
    const selected = this.#selected;
    if (!selected) return; // DTLS repeats what is lost
    for (const bytes of output) this.context.engine.sendTo(selected.socket, selected.address, bytes);
  }

  /** SCTP packets; called by timers of the association as well. */
  protected sendData(bytes: Uint8Array): void {
    if (this.closed || !this.#dtls) return;
    this.#dtls.send(bytes, this.context.engine.now());
    this.#sendDtls();
  }

  // ---- time ----

  protected override poll(nowMicros: number): void {
    this.#apply(this.#ice.poll(nowMicros, this.#packetMicros), undefined, nowMicros);
    if (this.#dtls) {
      this.#dtls.poll(nowMicros);
      this.#serveDtls(nowMicros);
    }
    super.poll(nowMicros);
  }

  protected override nextDeadline(): number | undefined {
    let deadline = super.nextDeadline();
    for (const other of [this.#ice.nextDeadline(), this.#dtls?.nextDeadline()]) {
      if (other !== undefined && (deadline === undefined || other < deadline)) deadline = other;
    }
    return deadline;
  }

  protected override captureTuple(): TransportTuple | undefined {
    return this.#publicTuple();
  }

  #publicTuple(): TransportTuple | undefined {
    return this.#selected ? publicTuple(this.#sockets, this.#selected) : undefined;
  }
}
