/**
 * The WebRTC edge: one RTCPeerConnection in the shape that the server expects. Sections in this order: microphone and
 * screen sound, camera and screen (sendonly), the audio slots and the video slots (recvonly), the channel. One offer,
 * one answer; later only ICE restarts. What is sent changes by `replaceTrack` alone.
 */
import type { Source } from './messages.js';
import type { MediaPeer, PeerHandlers, PeerSlot, SlotCounts } from './platform.js';
import { addCamera, addScreen } from './sendEncodings.js';

const CHANNEL = 'tertulia';

class BrowserSlot implements PeerSlot {
  readonly track: MediaStreamTrack;
  /** Of its own: streams of an answer are put in step with each other, and slots must not be. */
  readonly stream: MediaStream;
  /** Sums of the last look, W3C webrtc-stats `jitterBufferDelay` (s) and `jitterBufferEmittedCount`. */
  #delayS = 0;
  #emitted = 0;

  constructor(
    readonly index: number,
    readonly transceiver: RTCRtpTransceiver,
  ) {
    this.track = transceiver.receiver.track;
    this.stream = new MediaStream([this.track]);
  }

  get mid(): string | null {
    return this.transceiver.mid;
  }

  read(): ReturnType<PeerSlot['read']> {
    const { receiver } = this.transceiver;
    return {
      contributing: receiver.getContributingSources?.() ?? [],
      // Asked for its audio level only; each of these calls waits for another thread.
      synchronization: this.track.kind === 'audio' ? (receiver.getSynchronizationSources?.() ?? []) : [],
    };
  }

  setPlayoutDelay(delayMs: number | null): void {
    const { receiver } = this.transceiver;
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = delayMs;
  }

  async bufferedMs(): Promise<number | undefined> {
    for (const entry of (await this.transceiver.receiver.getStats()).values()) {
      const { type, jitterBufferDelay, jitterBufferEmittedCount } = entry as Record<string, unknown>;
      if (type !== 'inbound-rtp') continue;
      if (typeof jitterBufferDelay !== 'number' || typeof jitterBufferEmittedCount !== 'number') continue;
      const [delayS, emitted] = [jitterBufferDelay - this.#delayS, jitterBufferEmittedCount - this.#emitted];
      this.#delayS = jitterBufferDelay;
      this.#emitted = jitterBufferEmittedCount;
      return emitted > 0 && delayS >= 0 ? (1_000 * delayS) / emitted : undefined;
    }
    return undefined;
  }
}

class BrowserPeer implements MediaPeer {
  readonly audioSlots: readonly PeerSlot[];
  readonly videoSlots: readonly PeerSlot[];
  readonly canDelay =
    typeof RTCRtpReceiver !== 'undefined' && 'jitterBufferTarget' in RTCRtpReceiver.prototype;
  readonly #connection: RTCPeerConnection;
  readonly #senders: Record<Source, RTCRtpSender>;
  readonly #channel: RTCDataChannel;

  constructor(counts: SlotCounts, handlers: PeerHandlers) {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#connection = connection;
    const audioSender = (): RTCRtpSender =>
      connection.addTransceiver('audio', { direction: 'sendonly' }).sender;
    // In the order of the offer's sections.
    this.#senders = {
      microphone: audioSender(),
      screenSound: audioSender(),
      camera: addCamera(connection),
      screen: addScreen(connection),
    };
    const slots = (kind: 'audio' | 'video', count: number): PeerSlot[] =>
      Array.from(
        { length: count },
        (_, index) => new BrowserSlot(index, connection.addTransceiver(kind, { direction: 'recvonly' })),
      );
    this.audioSlots = slots('audio', counts.audio);
    this.videoSlots = slots('video', counts.video);
    this.#channel = connection.createDataChannel(CHANNEL, { ordered: true });
    this.#channel.onopen = () => handlers.channelOpen();
    this.#channel.onclose = () => handlers.channelClosed();
    this.#channel.onmessage = ({ data }) => {
      if (typeof data === 'string') handlers.message(data);
    };
    connection.onconnectionstatechange = () => handlers.state(connection.connectionState);
  }

  async createOffer(iceRestart: boolean): Promise<string> {
    const { sdp } = await this.#connection.createOffer({ iceRestart });
    return sdp ?? '';
  }

  async apply(offer: string, answer: string, iceServers: readonly RTCIceServer[]): Promise<void> {
    // Gathering starts with the local description, so TURN servers must be known before it.
    if (iceServers.length > 0)
      this.#connection.setConfiguration({ bundlePolicy: 'max-bundle', iceServers: [...iceServers] });
    await this.#connection.setLocalDescription({ type: 'offer', sdp: offer });
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    await this.#senders[source].replaceTrack(track);
  }

  send(text: string): boolean {
    if (this.#channel.readyState !== 'open') return false;
    this.#channel.send(text);
    return true;
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  close(): void {
    this.#channel.onclose = null;
    this.#channel.onmessage = null;
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
  }
}

export const createBrowserPeer = (counts: SlotCounts, handlers: PeerHandlers): MediaPeer =>
  new BrowserPeer(counts, handlers);
