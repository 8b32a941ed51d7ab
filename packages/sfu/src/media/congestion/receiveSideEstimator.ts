/**
 * How much the way from one sender holds, seen from here: for senders that stamp abs-send-time and know no transport-wide
 * feedback. What it finds is told with REMB. Spec: draft-alvestrand-rmcat-remb-03, draft-ietf-rmcat-gcc-02 §5.
 * Pure: time is an argument. Bytes of the packet: wire's writeRtcp.
 */
import { OveruseDetector } from './overuseDetector.js';
import { PacketGroups } from './packetGroups.js';
import { RateControl } from './rateControl.js';
import { RateWindow } from './rateWindow.js';

export const RECEIVE_SIDE = {
  /** What the sender starts with in any case: the estimate begins there. libwebrtc: 300 kbit/s. */
  startBitrate: 300_000,
  leastBitrate: 30_000,
  /** Between two reports without need. libwebrtc: 1 s; lowered by more than 3 %, at once. */
  intervalMicros: 1_000_000,
  lowered: 0.97,
  /** How often the rate moves when nothing is wrong; overuse counts at once. libwebrtc: 500 ms. */
  updateMicros: 500_000,
  /** Arrivals are averaged over. libwebrtc: 1 s. */
  rateMicros: 1_000_000,
  rateLeastMicros: 150_000,
  /** No round trip is known here. libwebrtc's default. */
  roundTripMicros: 200_000,
} as const;

export class ReceiveSideEstimator {
  readonly #groups = new PacketGroups();
  readonly #detector = new OveruseDetector();
  readonly #rate = new RateControl(RECEIVE_SIDE.startBitrate);
  readonly #arrived = new RateWindow(RECEIVE_SIDE.rateMicros, RECEIVE_SIDE.rateLeastMicros);
  #most = Infinity;
  #updateMicros: number | undefined;
  #sentMicros: number | undefined;
  #sentBitrate = Infinity;

  get bitrate(): number {
    return Math.min(this.#most, Math.max(RECEIVE_SIDE.leastBitrate, this.#rate.bitrate));
  }

  /** @param max of what the transport may receive; undefined: no such limit */
  setMax(max: number | undefined): void {
    this.#most = max ?? Infinity;
  }

  handlePacket(absSendTime: number, arrivalMicros: number, bytes: number): void {
    this.#arrived.add(bytes, arrivalMicros);
    this.#updateMicros ??= arrivalMicros;
    const before = this.#detector.state;
    this.#groups.handlePacket(absSendTime, arrivalMicros, this.#visit);
    const overuse = this.#detector.state === 'overuse' && before !== 'overuse';
    if (!overuse && arrivalMicros - this.#updateMicros < RECEIVE_SIDE.updateMicros) return;
    this.#updateMicros = arrivalMicros;
    this.#rate.update(
      this.#detector.state,
      this.#arrived.bitrate(arrivalMicros),
      RECEIVE_SIDE.roundTripMicros,
      arrivalMicros,
    );
  }

  /** undefined: nothing came yet. */
  nextDeadline(): number | undefined {
    if (this.#updateMicros === undefined) return undefined;
    if (this.bitrate < this.#sentBitrate * RECEIVE_SIDE.lowered) return this.#updateMicros;
    return (this.#sentMicros ?? this.#updateMicros) + RECEIVE_SIDE.intervalMicros;
  }

  /** @returns the bitrate for a REMB that is due */
  poll(nowMicros: number): number | undefined {
    const deadline = this.nextDeadline();
    if (deadline === undefined || nowMicros < deadline) return undefined;
    this.#sentMicros = nowMicros;
    this.#sentBitrate = this.bitrate;
    return this.#sentBitrate;
  }

  readonly #visit = (sendMicros: number, arrivalMicros: number): void => {
    this.#detector.handleGroup(sendMicros, arrivalMicros);
  };
}
