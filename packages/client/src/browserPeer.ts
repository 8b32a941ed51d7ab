/**
 * The WebRTC edge: one RTCPeerConnection in the shape that the server expects. Sections in this order: microphone and
 * screen sound, camera and screen (sendonly), the audio slots and the video slots (recvonly), the channel. One offer,
 * one answer; later only ICE restarts. What is sent changes by `replaceTrack` alone.
 */
import type { Source } from './messages.js';
import type { MediaPeer, PeerHandlers, PeerSlot, SlotCounts, SlotLook } from './platform.js';
import { addCamera, addScreen } from './sendEncodings.js';

const CHANNEL = 'tertulia';

class BrowserSlot implements PeerSlot {
  readonly track: MediaStreamTrack;
  /** Of its own: streams of an answer are put in step with each other, and slots must not be. */
  readonly stream: MediaStream;
  readonly #buffered = new MeanSince();
  readonly #device = new MeanSince();

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

  async look(): Promise<SlotLook> {
    const look: SlotLook = { bufferedMs: undefined, deviceMs: undefined };
    for (const entry of (await this.transceiver.receiver.getStats()).values()) {
      const numbers = entry as Record<string, unknown>;
      if (numbers['type'] === 'inbound-rtp')
        look.bufferedMs = this.#buffered.ms(
          numbers['jitterBufferDelay'],
          numbers['jitterBufferEmittedCount'],
        );
      if (numbers['type'] === 'media-playout')
        look.deviceMs = this.#device.ms(numbers['totalPlayoutDelay'], numbers['totalSamplesCount']);
    }
    return look;
  }
}

/** A mean out of two sums that a browser counts on, W3C webrtc-stats: seconds for each sample or frame, and their number. */
class MeanSince {
  #seconds = 0;
  #count = 0;

  /** Since the last call; undefined where nothing came or nothing is told. */
  ms(seconds: unknown, count: unknown): number | undefined {
    if (typeof seconds !== 'number' || typeof count !== 'number') return undefined;
    const [more, number] = [seconds - this.#seconds, count - this.#count];
    this.#seconds = seconds;
    this.#count = count;
    return number > 0 && more >= 0 ? (1_000 * more) / number : undefined;
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
