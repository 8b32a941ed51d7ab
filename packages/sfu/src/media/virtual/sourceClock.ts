/**
 * When a source's sound was captured, told in the server's time. One `SourceClock` per publishing transport, shared by
 * all of its streams, so that a microphone and a camera of one device get the same offset and stay in step.
 *
 * Until a stream's first sender report the answer is arrival time less the sound that is in a packet, with the jitter taken off by
 * a minimum over the last seconds; where it begins anew, less what lay between capture and arrival before. Afterwards it is
 * capture time: the sender's wall clock (from its reports), plus one offset between the two clocks that the whole transport
 * shares. That offset is again a minimum, over (arrival - the sender's time) of every packet of every stream. Changes are
 * slewed, never jumped.
 *
 * No single report is believed: a browser writes the one of its microphone from when its threads came to it. Measured in
 * Chromium 156 over a minute: a camera's reports agree within 1 ms, a microphone's within 8 ms, its first one 16 ms beside.
 * Pure: every call carries its time. Ticks are unwrapped by the caller; time is µs of the engine's clock.
 * Spec: virtual streams R2, R5; RFC 3550 §6.4.1 (NTP and RTP timestamps of a report name the same instant).
 * Elsewhere: what is done with the answer → viewSlot.ts · unwrapping → audioSource.ts
 */

export const CLOCK_LIMITS = {
  /** µs per bucket of the minimum filter, and buckets: 12 s, long enough for a quiet moment on a busy path, short enough
   *  that 100 ppm of clock drift (RFC 3551 allows no more) move the minimum by 1.2 ms only. */
  bucketMicros: 2_000_000,
  buckets: 6,
  /** Share of time: 20 ms per second. Within a talk spurt the source's own spacing holds, so nobody hears it; the 40–60 ms
   *  by which a camera's arrival lags its microphone's are gone within 3 s. */
  slewRate: 0.02,
  /** µs that a capture time may lie before the earliest plausible arrival: an encoder with a second of delay. Beyond it the
   *  report is nonsense, and arrival time bounds the harm. */
  mostCaptureDelayMicros: 1_000_000,
  /** Reports of a stream whose middle counts: with one in 5 s what is an error of one is gone, and 100 ppm between a sound
   *  card and its computer's clock move the middle by 1 ms. */
  reports: 5,
  /** µs by which a report may be beside that middle: beyond it the timestamps stood still or jumped, and what was before
   *  says nothing. More than twice what is seen of browsers. */
  reportStepMicros: 40_000,
  /** µs by which a report's NTP time may disagree with the offset known so far: beyond it the sender's clock was set. */
  ntpStepMicros: 2_000_000,
  /** µs by which what a packet itself says of its capture may differ from what its timestamp does: a player that plays what
   *  was captured before. Beyond it the clock is another one, and the timestamp counts. */
  saidStepMicros: 10_000_000,
  /** µs by which a packet may run ahead of its stream's earliest arrival: beyond it the timestamps jumped. */
  aheadMicros: 2_000_000,
  /** µs by which it may lag: a path that froze and then delivered everything is not a jump of the timestamps. */
  behindMicros: 10_000_000,
  /** µs by which packets may be missing for longer than their timestamps say, before one asks whether the timestamps stood
   *  still (a sender whose track was taken away and given back). One late packet proves nothing, so the packets after it are
   *  looked at in windows of so many µs and at least so many packets: a path that froze delivers what it held, and each
   *  window is less behind than the one before; timestamps that stood still stay behind by the same, give or take the jitter
   *  that is left in a window's least. Two windows are 0.2 s: what has to wait for them is heard within half a second even
   *  if jitter asks for two more. */
  stallMicros: 60_000,
  stallWindowMicros: 100_000,
  stallWindowPackets: 4,
  stallJitterMicros: 10_000,
} as const;

/** The least of the values of the last `buckets * bucketMicros`, in constant memory. */
export class WindowMinimum {
  readonly #least: number[] = [];
  #bucketStart = 0;

  constructor(
    private readonly bucketMicros: number,
    private readonly buckets: number,
  ) {}

  push(value: number, nowMicros: number): void {
    if (this.#least.length === 0 || nowMicros - this.#bucketStart >= this.bucketMicros * this.buckets) {
      this.#least.length = 0;
      this.#least.push(value);
      this.#bucketStart = nowMicros;
      return;
    }
    while (nowMicros - this.#bucketStart >= this.bucketMicros) {
      this.#bucketStart += this.bucketMicros;
      this.#least.push(Infinity);
      if (this.#least.length > this.buckets) this.#least.shift();
    }
    const last = this.#least.length - 1;
    if (value < this.#least[last]!) this.#least[last] = value;
  }

  /** Infinity when nothing was pushed. */
  get value(): number {
    let least = Infinity;
    for (const value of this.#least) if (value < least) least = value;
    return least;
  }

  reset(): void {
    this.#least.length = 0;
  }
}

/** Of one publishing transport. */
export class SourceClock {
  readonly #offset = new WindowMinimum(CLOCK_LIMITS.bucketMicros, CLOCK_LIMITS.buckets);
  #epoch = 0;

  /**
   * Of one source of this transport.
   * @param packetMicros by which its packets come later than captured at the least: the sound that is in them
   */
  createStream(clockRate: number, packetMicros = 0): StreamClock {
    return new StreamClock(this, clockRate, packetMicros);
  }

  /** @internal The sender's clock as known now; changes when that clock was set. */
  get epoch(): number {
    return this.#epoch;
  }
  /** @internal µs, server - sender. Infinity before the first observation. */
  get offsetMicros(): number {
    return this.#offset.value;
  }
  /** @internal */
  observe(offsetMicros: number, nowMicros: number): void {
    this.#offset.push(offsetMicros, nowMicros);
  }
  /** @internal A report came; its own time of arrival is an observation, too. */
  report(ntpMicros: number, nowMicros: number): void {
    const offset = nowMicros - ntpMicros;
    const known = this.#offset.value;
    if (known !== Infinity && Math.abs(offset - known) > CLOCK_LIMITS.ntpStepMicros) {
      this.#epoch++;
      this.#offset.reset();
    }
    this.#offset.push(offset, nowMicros);
  }
}

/** What is watched since a stream's packets came much later than its timestamps say. Offsets are µs, arrival - ticks. */
interface Stall {
  /** An offset below it ends the matter: packets are on time again. */
  readonly clear: number;
  windowMicros: number;
  packets: number;
  /** Of this window, and of the one before. */
  least: number;
  before: number;
}

/** Maps one stream's unwrapped RTP ticks to µs of the server's clock. */
export class StreamClock {
  readonly #arrivals = new WindowMinimum(CLOCK_LIMITS.bucketMicros, CLOCK_LIMITS.buckets);
  readonly #microsPerTick: number;
  /** µs, the sender's time - ticks, by the last reports; the oldest first. */
  readonly #relations: number[] = [];
  /** Their middle, and which of the sender's clocks they are of. */
  #relation: number | undefined;
  #epoch = 0;
  /** µs by which its packets come later than their sender's clock and the path alone would have it: packetizing, encoding. A
   *  stream that begins anew needs as long. */
  #encodeMicros: number;
  /** µs, the sender's time - ticks, by what its packets said last of their capture, and which of its clocks that was. */
  #said = NaN;
  #saidEpoch = 0;
  /** µs, server time - ticks; what `captureMicros` adds. */
  #applied: number | undefined;
  #appliedAtMicros = 0;
  #lastOffset: number | undefined;
  /** Since packets came later than they should. */
  #stall: Stall | undefined;

  constructor(
    private readonly clock: SourceClock,
    clockRate: number,
    packetMicros: number,
  ) {
    this.#microsPerTick = 1_000_000 / clockRate;
    this.#encodeMicros = packetMicros;
  }

  /** @returns true when the timestamps jumped so far that the stream was anchored anew. */
  handlePacket(ticks: number, arrivalMicros: number): boolean {
    const media = ticks * this.#microsPerTick;
    const offset = arrivalMicros - media;
    const least = this.#arrivals.value;
    const jumped =
      least !== Infinity &&
      (offset < least - CLOCK_LIMITS.aheadMicros || offset > least + CLOCK_LIMITS.behindMicros);
    if (jumped) this.restart();
    else {
      const since = this.#stood(offset, least, arrivalMicros);
      if (since !== undefined) {
        this.restart();
        this.#arrivals.push(since, arrivalMicros);
      }
    }
    this.#lastOffset = offset;
    this.#arrivals.push(offset, arrivalMicros);
    const relation = this.#validRelation();
    if (relation !== undefined) this.clock.observe(offset - relation, arrivalMicros);
    this.#adapt(arrivalMicros);
    return jumped;
  }

  handleSenderReport(ntpMicros: number, ticks: number, nowMicros: number): void {
    this.clock.report(ntpMicros, nowMicros);
    const relation = ntpMicros - ticks * this.#microsPerTick;
    const known = this.#validRelation();
    if (known === undefined || Math.abs(relation - known) > CLOCK_LIMITS.reportStepMicros)
      this.#relations.length = 0;
    this.#relations.push(relation);
    if (this.#relations.length > CLOCK_LIMITS.reports) this.#relations.shift();
    // Of two the lower one: what delays a report makes its relation larger.
    this.#relation = [...this.#relations].sort((a, b) => a - b)[(this.#relations.length - 1) >> 1];
    this.#epoch = this.clock.epoch;
    if (this.#applied !== undefined) this.#adapt(nowMicros);
  }

  /** Other numbering from now on (new SSRC, timestamps that jumped): by arrival until the next report. */
  restart(): void {
    this.#arrivals.reset();
    this.#relation = undefined;
    this.#said = NaN;
    this.#applied = undefined;
    this.#lastOffset = undefined;
    this.#stall = undefined;
  }

  /** µs of the server's clock; not before the first packet. */
  captureMicros(ticks: number): number {
    return ticks * this.#microsPerTick + (this.#applied ?? 0);
  }

  /** The packet with these ticks says when it was captured. */
  handleCapture(ticks: number, senderMicros: number): void {
    this.#said = senderMicros - ticks * this.#microsPerTick;
    this.#saidEpoch = this.clock.epoch;
  }

  /**
   * What receivers are told of a packet's capture: what it said itself, or its stream's packets before it, with the offset of
   * all streams of the transport; where they do not say it, as `captureMicros`. Not slewed: nothing is played by it alone.
   */
  toldMicros(ticks: number): number {
    const byTicks = this.captureMicros(ticks);
    const said = this.#saidEpoch === this.clock.epoch ? this.#said : NaN;
    const bySaid = ticks * this.#microsPerTick + said + this.clock.offsetMicros;
    return Math.abs(bySaid - byTicks) <= CLOCK_LIMITS.saidStepMicros ? bySaid : byTicks;
  }

  /** @returns when it is sure that the timestamps stood still: the least offset since. */
  #stood(offset: number, least: number, arrivalMicros: number): number | undefined {
    const last = this.#lastOffset;
    if (last !== undefined && offset - last > CLOCK_LIMITS.stallMicros) {
      this.#stall = {
        clear: (offset + least) / 2,
        windowMicros: arrivalMicros,
        packets: 1,
        least: offset,
        before: Infinity,
      };
      return undefined;
    }
    const stall = this.#stall;
    if (stall === undefined) return undefined;
    if (offset < stall.clear) {
      this.#stall = undefined;
      return undefined;
    }
    stall.packets++;
    stall.least = Math.min(stall.least, offset);
    const isFull =
      stall.packets >= CLOCK_LIMITS.stallWindowPackets &&
      arrivalMicros - stall.windowMicros >= CLOCK_LIMITS.stallWindowMicros;
    if (!isFull) return undefined;
    const { before, least: now } = stall;
    if (before !== Infinity && now > before - CLOCK_LIMITS.stallJitterMicros) return Math.min(before, now);
    stall.before = now;
    stall.least = Infinity;
    stall.packets = 0;
    stall.windowMicros = arrivalMicros;
    return undefined;
  }

  #validRelation(): number | undefined {
    return this.#epoch === this.clock.epoch ? this.#relation : undefined;
  }

  #adapt(nowMicros: number): void {
    const byArrival = this.#arrivals.value;
    if (byArrival === Infinity) return;
    const relation = this.#validRelation();
    if (relation !== undefined && this.clock.offsetMicros !== Infinity) {
      const byReport = relation + this.clock.offsetMicros;
      this.#encodeMicros = Math.min(CLOCK_LIMITS.mostCaptureDelayMicros, Math.max(0, byArrival - byReport));
    }
    const target = byArrival - this.#encodeMicros;
    if (this.#applied === undefined || (this.#relation === undefined && target < this.#applied)) {
      // By arrival alone, an earlier arrival only takes off jitter: nobody was told another time yet.
      this.#applied = target;
    } else {
      const most = Math.max(0, nowMicros - this.#appliedAtMicros) * CLOCK_LIMITS.slewRate;
      this.#applied += Math.min(most, Math.max(-most, target - this.#applied));
    }
    this.#appliedAtMicros = Math.max(this.#appliedAtMicros, nowMicros);
  }
}
