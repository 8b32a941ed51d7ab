/** The engine in memory mode as the sending side: its pacer, its probes, its numbers, its matching of feedback. */
import { writeRtcp, type TransportWideFeedback } from '@tertulia/wire';
import { RTX_SSRC, VideoBench } from '../../../../engine/test/support/video.js';
import type { TransportFeedback } from '../../../src/media/congestion/feedback.js';
import type { Probe } from '../../../src/media/congestion/probeControl.js';
import type { Sender, SentPacket } from './sender.js';

const TRANSPORT_WIDE_ID = 4;
/** RTP header, extension header with one element, AES-GCM tag. */
const OVERHEAD_BYTES = 12 + 8 + 16;
const EXTENSION_AT = 16;
const FCI_AT = 12;
/** The engine takes 0 for "no clock yet". */
const EPOCH_MICROS = 1_000_000;

export class EngineSender implements Sender {
  readonly #video = new VideoBench({ transportWideCcId: TRANSPORT_WIDE_ID, paced: true, rtxSsrc: RTX_SSRC });
  readonly #payload = new Uint8Array(1_500);
  #next = 0;
  #pacing = 0;

  queue(bytes: number, nowMicros: number): void {
    this.#video.engine.setNow(EPOCH_MICROS + nowMicros);
    this.#video.forward(this.#next++, this.#payload.subarray(0, Math.max(1, bytes - OVERHEAD_BYTES)));
  }

  probe({ clusterId, bitsPerSecond, bytes }: Probe): void {
    const { engine, remote, entry } = this.#video;
    engine.probe(remote.peer, entry, { clusterId, bitsPerSecond, bytes });
  }

  leave(nowMicros: number, pacingBitrate: number): SentPacket[] {
    const { engine, remote } = this.#video;
    if (pacingBitrate !== this.#pacing) engine.setPacing(remote.peer, Math.floor(pacingBitrate));
    this.#pacing = pacingBitrate;
    engine.setNow(EPOCH_MICROS + nowMicros);
    return engine.takeSent().map(({ bytes }) => {
      if (bytes[EXTENSION_AT] !== ((TRANSPORT_WIDE_ID << 4) | 1)) throw new Error('no transport-wide number');
      return {
        sequence: (bytes[EXTENSION_AT + 1]! << 8) | bytes[EXTENSION_AT + 2]!,
        bytes: bytes.length,
        atMicros: nowMicros,
      };
    });
  }

  get waitMicros(): number {
    return this.#video.engine.pacerQueue(this.#video.remote.peer).oldestMicros;
  }

  read(packet: TransportWideFeedback, nowMicros: number): TransportFeedback | undefined {
    const { engine, remote } = this.#video;
    const bytes = writeRtcp([packet]).subarray(FCI_AT);
    return engine.readTransportFeedback(remote.peer, bytes, EPOCH_MICROS + nowMicros);
  }
}
