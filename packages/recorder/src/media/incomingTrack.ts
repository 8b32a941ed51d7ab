/**
 * One track as it comes in: its SSRC and that of its repetitions, its line, its reports, its frames, its time. What the process
 * reads of a datagram goes in; frames come out, and what is owed to the media process: reports, NACKs, requests for key frames.
 * Pure. Elsewhere: rows of the engine → process/receiver.ts · where frames go → fileParts.ts
 */
import { fromNtp, middleNtp, type RtpParameters, type SenderReport } from '@tertulia/wire';
import { KeyFrameRequests } from './keyFrameRequests.js';
import { ReceiveLine, type LinePacket } from './receiveLine.js';
import { Reception } from './reception.js';
import { Timeline } from './timeline.js';
import { TrackReader, type PayloadCodec, type PayloadFormat, type TrackFrame } from './trackReader.js';

const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  'audio/opus': 'opus',
  'audio/red': 'red',
  'video/vp8': 'vp8',
  'video/vp9': 'vp9',
  'video/h264': 'h264',
  'video/av1': 'av1',
};
const DEPENDENCY_DESCRIPTOR =
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
const RTX_HEADER_BYTES = 2;

/** What of a track's RTP parameters matters here. */
export interface TrackParameters {
  readonly kind: 'audio' | 'video';
  readonly ssrc: number;
  readonly rtxSsrc: number | undefined;
  readonly clockRate: number;
  readonly codecs: ReadonlyMap<number, PayloadCodec>;
  /** Payload type of a repetition → that of what it repeats. */
  readonly repairs: ReadonlyMap<number, number>;
  /** Of the header extension; 0: not negotiated. */
  readonly dependencyDescriptorId: number;
}

/** @returns undefined when there is no SSRC, or nothing that can be recorded */
export function readTrackParameters(
  kind: 'audio' | 'video',
  parameters: RtpParameters,
): TrackParameters | undefined {
  const encoding = parameters.encodings?.[0];
  if (encoding?.ssrc === undefined) return undefined;
  const codecs = new Map<number, PayloadCodec>();
  const repairs = new Map<number, number>();
  for (const { mimeType, payloadType, clockRate, channels = 1, parameters: specific } of parameters.codecs) {
    const format = FORMATS[mimeType.toLowerCase()];
    if (format && mimeType.toLowerCase().startsWith(kind))
      codecs.set(payloadType, { format, clockRate, channels });
    else if (mimeType.toLowerCase() === `${kind}/rtx`) repairs.set(payloadType, Number(specific?.['apt']));
  }
  const [first] = codecs.values();
  if (!first) return undefined;
  const descriptor = parameters.headerExtensions?.find(({ uri }) => uri === DEPENDENCY_DESCRIPTOR);
  return {
    kind,
    ssrc: encoding.ssrc,
    rtxSsrc: encoding.rtx?.ssrc,
    clockRate: first.clockRate,
    codecs,
    repairs,
    dependencyDescriptorId: descriptor?.id ?? 0,
  };
}

export class IncomingTrack {
  readonly line: ReceiveLine;
  readonly reception: Reception;
  readonly reader: TrackReader;
  readonly timeline: Timeline;
  readonly keyFrames = new KeyFrameRequests();
  /** As the media process counts, from its last report; undefined before. */
  sentPackets: number | undefined;
  /** Repetitions that said nothing that can be used. */
  repairsRefused = 0;

  constructor(
    readonly parameters: TrackParameters,
    handleFrame: (frame: TrackFrame) => void,
  ) {
    const { ssrc, clockRate, kind, codecs } = parameters;
    this.timeline = new Timeline(clockRate);
    this.reception = new Reception(ssrc, clockRate);
    this.reader = new TrackReader(kind, codecs, {
      handleFrame: (frame) => {
        if (frame.keyFrame) this.keyFrames.handleKeyFrame();
        handleFrame(frame);
      },
      wantKeyFrame: () => this.keyFrames.want(),
    });
    this.line = new ReceiveLine(this.reader);
  }

  /** @param packet borrowed; its number as on the wire, 16 bits; extended here */
  handlePacket(packet: LinePacket): void {
    const { line } = this;
    packet.sequenceNumber = line.extend(packet.sequenceNumber);
    this.reception.handlePacket(packet.sequenceNumber, packet.timestamp, packet.arrivalMicros);
    line.push(packet, false);
  }

  /** A packet of the retransmissions' SSRC. RFC 4588 §4: the original number is in front of the payload. */
  handleRepair(packet: LinePacket): void {
    const { memory, from, to } = packet;
    const payloadType = this.parameters.repairs.get(packet.payloadType);
    // Padding alone: a probe.
    if (from >= to) return;
    if (to - from < RTX_HEADER_BYTES || payloadType === undefined) {
      this.repairsRefused++;
      return;
    }
    const before = this.line.counters.received;
    packet.sequenceNumber = this.line.extend((memory[from]! << 8) | memory[from + 1]!);
    packet.from = from + RTX_HEADER_BYTES;
    packet.payloadType = payloadType;
    this.line.push(packet, true);
    if (this.line.counters.received > before) this.reception.handleRepair();
  }

  handleSenderReport(report: SenderReport, arrivalMicros: number): void {
    const { ntpSeconds, ntpFraction, rtpTimestamp, packetCount } = report;
    this.reception.handleSenderReport(middleNtp(ntpSeconds, ntpFraction), arrivalMicros);
    this.timeline.handleReport(fromNtp(ntpSeconds, ntpFraction), rtpTimestamp);
    this.sentPackets = packetCount;
  }

  /** Nothing more will come: what waits is handed on. */
  end(): void {
    this.line.end();
    this.reader.end();
  }
}
