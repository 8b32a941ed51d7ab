/**
 * A room on a simulated network in virtual time: the real media core on the real add-on, in memory instead of on
 * sockets. Around it talkers and receivers, each behind two lossy links. Steps are one millisecond; what arrives within
 * one is one batch, as the engine's timer makes it under load.
 */
import { createHmac } from 'node:crypto';
import { parseRtcp, writeBindingRequest } from '@tertulia/wire';
import { SrtpReference } from '../../../packages/engine/test/support/srtp.js';
import { ExitWatch } from './exitWatch.js';
import type { Judge } from './judge.js';
import { Link, type LinkOptions } from './link.js';
import { Listener } from './listener.js';
import type { Random } from './random.js';
import {
  EXTENSION_IDS,
  PAYLOAD_TYPE,
  SimulatedServer,
  type ServerTransport,
  type SrtpProfile,
} from './server.js';
import { makeDeviceClock, Talker, type DeviceClock } from './talker.js';
import { Timeline } from './timeline.js';

const STEP_MICROS = 1000;
const CHECK_EVERY_MICROS = 2_500_000;
/** Chromium reports on audio every 5 s; every second tries more, and finds the end of the MID extension sooner. */
const RECEIVER_REPORT_EVERY_MICROS = 1_000_000;
const FEEDBACK_EVERY_MICROS = 10_000;
const SENT_KEPT = 128;
/** Longer than any link here. */
const SETTLE_MICROS = 1_000_000;

export interface RoomOptions {
  seed: Random;
  slots: number;
  profile: SrtpProfile;
  uplink: LinkOptions;
  downlink: LinkOptions;
  payloadBytes: number;
}
export interface JoinOptions {
  /** Microphones and the like; default one. 0: only listens. */
  sources?: readonly ('speech' | 'screen')[];
  /** Receiving sections; default the room's. 0: only talks. */
  slots?: number;
  dtx?: boolean;
}

export class Participant {
  readonly talkers: Talker[] = [];
  listener: Listener | undefined;
  gone = false;
  readonly lastSent = new Map<number, { number: number; bytes: Uint8Array }[]>();

  constructor(
    readonly id: string,
    readonly index: number,
    readonly transport: ServerTransport,
    readonly uplink: Link,
    readonly downlink: Link,
    readonly sending: SrtpReference,
    readonly receiving: SrtpReference,
    readonly clock: DeviceClock,
  ) {}
  rtcpIndex = 1;
}

export class SimulatedRoom {
  readonly timeline = new Timeline();
  readonly participants: Participant[] = [];
  readonly watch: ExitWatch;
  readonly server: SimulatedServer;
  nowMicros = 1_000_000;
  packetsIn = 0;
  #batch: { from: Uint8Array; bytes: Uint8Array; participant: Participant; onArrival?: () => void }[] = [];
  readonly #byPort = new Map<number, Participant>();
  #next = 0;
  #nextSource = 1;

  private constructor(
    readonly options: RoomOptions,
    readonly judge: Judge,
    server: SimulatedServer,
  ) {
    this.server = server;
    this.watch = new ExitWatch(judge, 'room');
  }

  static create(options: RoomOptions, judge: Judge): SimulatedRoom {
    const server = SimulatedServer.create({
      slots: options.slots,
      nowMicros: 1_000_000,
      random: options.seed,
    });
    return new SimulatedRoom(options, judge, server);
  }

  join({ sources = ['speech'], slots = this.options.slots, dtx = false }: JoinOptions = {}): Participant {
    const { seed, profile } = this.options;
    const index = this.#next++;
    const id = `p${index}`;
    const { transport, keys } = this.server.addTransport(index, profile, seed);
    const participant = new Participant(
      id,
      index,
      transport,
      new Link(this.options.uplink, seed),
      new Link(this.options.downlink, seed),
      new SrtpReference(profile, keys.receiveKey, keys.receiveSalt),
      new SrtpReference(profile, keys.sendKey, keys.sendSalt),
      makeDeviceClock(seed),
    );
    this.#byPort.set(transport.port, participant);
    this.participants.push(participant);
    this.#check(participant);
    for (const content of sources) this.addTalker(participant, content, dtx);
    if (slots > 0) {
      const { ssrcs } = this.server.createReceiver(transport, id, slots);
      const own = () => participant.talkers.map((talker) => talker.options.source);
      const { receiving } = participant;
      participant.listener = new Listener(id, ssrcs, receiving, this.judge, this.watch, own, id);
      this.#feedback(participant);
    }
    return participant;
  }

  addTalker(participant: Participant, content: 'speech' | 'screen', dtx: boolean): Talker {
    const { seed, payloadBytes } = this.options;
    const mid = String(participant.talkers.length);
    const talker = new Talker(
      {
        source: this.#nextSource++,
        ssrc: 1 + seed.below(0xfffffffe),
        mid,
        payloadType: PAYLOAD_TYPE,
        levelExtensionId: EXTENSION_IDS.audioLevel,
        midExtensionId: EXTENSION_IDS.mid,
        dtx,
        payloadBytes,
        startMicros: this.nowMicros + seed.below(20_000),
        clock: participant.clock,
      },
      seed,
    );
    talker.leastDelayMs = participant.uplink.options.delayMs;
    participant.talkers.push(talker);
    this.judge.talkers.set(talker.options.source, talker);
    this.server.addTalker(participant.transport, talker, participant.id, content);
    this.#talk(participant, talker);
    this.#senderReports(participant, talker);
    return talker;
  }

  mute(talker: Talker, muted: boolean): void {
    talker.muted = muted;
    this.server.setPaused(talker, muted);
  }

  leave(participant: Participant): void {
    participant.gone = true;
    for (const talker of participant.talkers) talker.gone = true;
    this.participants.splice(this.participants.indexOf(participant), 1);
    this.server.closeTransport(participant.transport);
    this.#byPort.delete(participant.transport.port);
    this.watch.forget(participant.id);
  }

  /** One millisecond. `act` may ask the server for things before this millisecond's packets come. */
  step(act?: () => void): void {
    this.nowMicros += STEP_MICROS;
    this.timeline.runUntil(this.nowMicros);
    act?.();
    // Only now: whom `act` muted or sent away is so before these packets come, and what they bring did not arrive.
    for (const { participant, onArrival } of this.#batch) if (!participant.gone) onArrival?.();
    this.server.advance(this.#batch, this.nowMicros);
    this.#batch = [];
    for (const { to, bytes } of this.server.takeSent()) this.#carry((to[2]! << 8) | to[3]!, bytes);
  }

  /** What is still on its way arrives; the server hears nothing more. Then the judge can finish. */
  settle(): void {
    for (const end = this.nowMicros + SETTLE_MICROS; this.nowMicros < end;) {
      this.nowMicros += STEP_MICROS;
      this.timeline.runUntil(this.nowMicros);
      this.#batch = [];
    }
    this.judge.finish();
  }

  close(): void {
    this.server.close();
  }

  // ---- towards the server ----

  #toServer(participant: Participant, bytes: Uint8Array, onArrival?: (nowMicros: number) => void): void {
    const at = participant.uplink.arrival(this.nowMicros);
    if (at === undefined) return;
    this.timeline.at(at, (nowMicros) => {
      if (participant.gone) return;
      const from = participant.transport.address;
      if (onArrival === undefined) this.#batch.push({ from, bytes, participant });
      else this.#batch.push({ from, bytes, participant, onArrival: () => onArrival(nowMicros) });
    });
  }

  #talk(participant: Participant, talker: Talker): void {
    this.timeline.at(talker.nextFrameMicros, () => {
      if (talker.gone) return;
      const made = talker.frame();
      this.#talk(participant, talker);
      if (made === undefined) return;
      const extended = talker.extendedSequence(made.packetNumber);
      const bytes = participant.sending.protectRtp(made.bytes, Math.floor(extended / 65_536));
      let kept = participant.lastSent.get(talker.options.ssrc);
      if (kept === undefined) participant.lastSent.set(talker.options.ssrc, (kept = []));
      kept.push({ number: extended & 0xffff, bytes });
      if (kept.length > SENT_KEPT) kept.shift();
      this.#toServer(participant, bytes, (nowMicros) => this.#arrived(talker, made.packetNumber, nowMicros));
    });
  }
  #arrived(talker: Talker, packetNumber: number, nowMicros: number): void {
    this.packetsIn++;
    talker.arrived(packetNumber, nowMicros);
  }

  #senderReports(participant: Participant, talker: Talker): void {
    const { seed } = this.options;
    // The first within a second, as browsers do, then every 2.5–7.5 s (RFC 3550 §6.2: 5 s, times 0.5–1.5).
    const again = (atMicros: number): void =>
      this.timeline.at(atMicros, () => {
        if (talker.gone) return;
        this.#rtcp(participant, talker.senderReport(this.nowMicros));
        again(this.nowMicros + seed.between(2_500_000, 7_500_000));
      });
    again(this.nowMicros + seed.between(300_000, 1_000_000));
  }

  #rtcp(participant: Participant, plain: Uint8Array): void {
    this.#toServer(participant, participant.sending.protectRtcp(plain, participant.rtcpIndex++));
  }

  #feedback(participant: Participant): void {
    let nextReport = this.nowMicros + this.options.seed.between(0, RECEIVER_REPORT_EVERY_MICROS);
    const again = (atMicros: number): void =>
      this.timeline.at(atMicros, (nowMicros) => {
        if (participant.gone) return;
        const due = nowMicros >= nextReport;
        if (due) nextReport = nowMicros + RECEIVER_REPORT_EVERY_MICROS;
        for (const plain of participant.listener!.feedback(nowMicros, due)) this.#rtcp(participant, plain);
        again(nowMicros + FEEDBACK_EVERY_MICROS);
      });
    again(this.nowMicros + FEEDBACK_EVERY_MICROS);
  }

  #check(participant: Participant): void {
    if (participant.gone) return;
    const { remoteUsername, remotePassword, localUsername } = participant.transport;
    const hmac = (key: Uint8Array, bytes: Uint8Array) => createHmac('sha1', key).update(bytes).digest();
    this.#toServer(
      participant,
      writeBindingRequest({
        transactionId: this.options.seed.bytes(12),
        username: `${remoteUsername}:${localUsername}`,
        priority: 1,
        useCandidate: true,
        iceControlling: BigInt(participant.index + 1),
        key: new TextEncoder().encode(remotePassword),
        hmac,
      }),
    );
    this.timeline.at(this.nowMicros + CHECK_EVERY_MICROS, () => this.#check(participant));
  }

  // ---- from the server ----

  #carry(port: number, bytes: Uint8Array): void {
    const participant = this.#byPort.get(port);
    if (participant === undefined || bytes[0]! < 128) return; // gone, or the answer to a check
    const isRtcp = bytes[1]! >= 192 && bytes[1]! <= 223;
    const { listener, downlink } = participant;
    const sentMicros = this.nowMicros;
    const at = downlink.arrival(sentMicros);
    if (isRtcp) {
      const plain = participant.receiving.unprotectRtcp(bytes)?.plain;
      if (plain === undefined) return this.judge.violate('undecryptable', `${participant.id}: RTCP`);
      listener?.reportsSent(plain, this.server.zeroUnixMillis, sentMicros);
      if (at === undefined) return;
      this.timeline.at(at, (nowMicros) => {
        listener?.reportsReceived(plain, sentMicros, nowMicros);
        this.#rtcpArrived(participant, plain);
      });
      return;
    }
    const out = listener?.sent(bytes, sentMicros);
    if (listener === undefined || out === undefined) return;
    if (at === undefined) listener.missed(bytes, out, sentMicros);
    else this.timeline.at(at, (nowMicros) => listener.receive(bytes, out, sentMicros, nowMicros));
  }

  /** What the server wants again of what this participant sent. */
  #rtcpArrived(participant: Participant, plain: Uint8Array): void {
    if (participant.gone) return;
    for (const packet of parseRtcp(plain).packets) {
      if (packet.type !== 'nack') continue;
      const kept = participant.lastSent.get(packet.mediaSsrc) ?? [];
      for (const lost of packet.lost) {
        const again = kept.find(({ number }) => number === lost);
        const talker = participant.talkers.find(({ options }) => options.ssrc === packet.mediaSsrc);
        if (again === undefined || talker === undefined) continue;
        const last = talker.packetCount - 1;
        const packetNumber = last - ((talker.extendedSequence(last) - lost) & 0xffff);
        this.#toServer(participant, again.bytes, (nowMicros) =>
          this.#arrived(talker, packetNumber, nowMicros),
        );
      }
    }
  }
}
