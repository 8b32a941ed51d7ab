/**
 * The WebRTC edge: one RTCPeerConnection in the shape that the server expects. Sections in this order: the
 * microphone (sendonly), the slots (recvonly), the channel. One offer, one answer; later only ICE restarts.
 */
import type { MediaPeer, PeerHandlers, PeerSlot } from './platform.js';

const CHANNEL = 'tertulia';

class BrowserPeer implements MediaPeer {
  readonly slots: readonly PeerSlot[];
  readonly #connection: RTCPeerConnection;
  readonly #microphone: RTCRtpSender;
  readonly #channel: RTCDataChannel;

  constructor(slots: number, handlers: PeerHandlers) {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#connection = connection;
    this.#microphone = connection.addTransceiver('audio', { direction: 'sendonly' }).sender;
    this.slots = Array.from({ length: slots }, (_, index): PeerSlot => {
      const transceiver = connection.addTransceiver('audio', { direction: 'recvonly' });
      const { receiver } = transceiver;
      return {
        index,
        get mid() {
          return transceiver.mid;
        },
        track: receiver.track,
        // A stream of its own: streams of an answer are put in step with each other, and slots must not be.
        stream: new MediaStream([receiver.track]),
        read: () => ({
          contributing: receiver.getContributingSources?.() ?? [],
          synchronization: receiver.getSynchronizationSources?.() ?? [],
        }),
      };
    });
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

  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    await this.#microphone.replaceTrack(track);
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

export const createBrowserPeer = (slots: number, handlers: PeerHandlers): MediaPeer =>
  new BrowserPeer(slots, handlers);
