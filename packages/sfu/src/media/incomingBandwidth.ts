/**
 * What a sender is told about the way to here: transport-wide feedback where that was agreed on, else an estimate of ours
 * (REMB), and the application's limit. One object per transport. Every packet with a number counts, whoever it is of.
 * Elsewhere: estimating and the feedback's content → congestion/ · sending it → rtpSession.ts
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RtcpPacket, RtpParameters } from '@tertulia/wire';
import { offersFeedback } from './codecs.js';
import { ReceiveSideEstimator } from './congestion/receiveSideEstimator.js';
import { TransportFeedbackWriter } from './congestion/transportFeedbackWriter.js';

export const INCOMING_BANDWIDTH = {
  /** The application's limit is said again this often: a browser forgets none, but a packet may be lost. */
  limitMicros: 1_500_000,
} as const;

type Kind = 'transport-cc' | 'remb';

export class IncomingBandwidth {
  #kind: Kind | undefined;
  #writer: TransportFeedbackWriter | undefined;
  #estimator: ReceiveSideEstimator | undefined;
  /** bit/s; 0 = no limit. */
  #limit = 0;
  #limitMicros: number | undefined;
  /** One stream's SSRC goes into every feedback; which one says nothing. */
  #mediaSsrc = 0;

  get kind(): Kind | undefined {
    return this.#kind;
  }

  get maxBitrate(): number {
    return this.#limit;
  }

  /** What the estimate says; undefined where the sender estimates itself. */
  get availableBitrate(): number | undefined {
    return this.#estimator?.bitrate;
  }

  /** The first section that agrees on a kind of feedback decides; transport-wide feedback wins. */
  negotiate(rtpParameters: RtpParameters): void {
    const { headerExtensions = [] } = rtpParameters;
    const has = (uri: string): boolean => headerExtensions.some((each) => each.uri === uri);
    if (has(HEADER_EXTENSION_URIS.transportWideCc) && offersFeedback(rtpParameters, 'transport-cc')) {
      this.#kind = 'transport-cc';
      this.#writer ??= new TransportFeedbackWriter();
      this.#estimator = undefined;
    } else if (
      this.#kind === undefined &&
      has(HEADER_EXTENSION_URIS.absSendTime) &&
      offersFeedback(rtpParameters, 'goog-remb')
    ) {
      this.#kind = 'remb';
      this.#estimator = new ReceiveSideEstimator();
      this.#estimator.setMax(this.#limit > 0 ? this.#limit : undefined);
    }
  }

  setMaxBitrate(bitrate: number, nowMicros: number): void {
    this.#limit = bitrate;
    this.#estimator?.setMax(bitrate > 0 ? bitrate : undefined);
    this.#limitMicros = bitrate > 0 ? nowMicros : undefined;
  }

  /** @param packet what its header extensions say, -1 = absent @param bytes whole */
  handlePacket(
    packet: { readonly transportWideNumber: number; readonly absSendTime: number; readonly ssrc: number },
    bytes: number,
    nowMicros: number,
  ): void {
    this.#mediaSsrc = packet.ssrc;
    if (this.#writer) {
      if (packet.transportWideNumber >= 0) this.#writer.handlePacket(packet.transportWideNumber, nowMicros);
    } else if (this.#estimator && packet.absSendTime >= 0) {
      this.#estimator.handlePacket(packet.absSendTime, nowMicros, bytes);
    }
  }

  nextDeadline(): number | undefined {
    const owed = this.#writer ? this.#writer.nextDeadline() : this.#estimator?.nextDeadline();
    if (!this.#writer || this.#limitMicros === undefined) return owed;
    return owed === undefined ? this.#limitMicros : Math.min(owed, this.#limitMicros);
  }

  /** @returns what is due now */
  poll(nowMicros: number, senderSsrc: number, mediaSsrcs: readonly number[]): RtcpPacket[] {
    if (this.#estimator) {
      const bitrate = this.#estimator.poll(nowMicros);
      return bitrate === undefined ? [] : [{ type: 'remb', senderSsrc, bitrate, ssrcs: [...mediaSsrcs] }];
    }
    const packets: RtcpPacket[] = this.#writer?.poll(nowMicros, senderSsrc, this.#mediaSsrc) ?? [];
    if (this.#writer && this.#limitMicros !== undefined && nowMicros >= this.#limitMicros) {
      this.#limitMicros = nowMicros + INCOMING_BANDWIDTH.limitMicros;
      packets.push({ type: 'remb', senderSsrc, bitrate: this.#limit, ssrcs: [...mediaSsrcs] });
    }
    return packets;
  }
}
