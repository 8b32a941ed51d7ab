/**
 * Whether one source speaks, and how far above its own noise: packets in, a score out.
 * Levels are the sender's own claim (RFC 6464) and not trusted: a constant claim becomes its own noise floor. Numbers are
 * plain doubles, so no claim wraps into "always loudest".
 * Knows nothing of other sources, slots or receivers. Time comes with each call.
 * Spec: virtual streams A7, A10; RFC 6464 §3 (0 = 0 dBov, the loudest, 127 = silence).
 * Elsewhere: who is above whom → ranker.ts
 */
import { WindowMinimum } from './sourceClock.js';

/** Loudness here is 127 - level: dB above digital silence, 0…127. */
export const LEVEL = {
  /** dB. No floor lies lower: rooms below -70 dBov differ only by their microphones' noise gates. */
  lowestFloor: 57,
  /** dB, before anything is known: a quiet office (-57 dBov). Two quieter packets correct it at once; starting at the lowest
   *  would let every newcomer out-rank those whose noise is known. */
  firstFloor: 70,
  /** dB above the floor that count as speech. Volfin–Cohen's implementations use 10 as well. */
  speechAboveFloor: 10,
  /** dB above the floor of one packet that are speech at once. What lies between needs to last: the smoothed score must reach
   *  10 dB, after two packets; noise jumps by so much for one. */
  speechAtOnce: 16,
  /** ms, time constant upwards. After 60 ms 87 % of a step are reached (A7: attack at most 60 ms). */
  attackMs: 29,
  /** ms, time constant downwards: speech 40 dB above the floor sinks below 10 dB after 416 ms (A7: 300–500 ms). */
  releaseMs: 300,
  /** ms that a source counts as speaking after its last packet that was speech: a pause between two words is no end. */
  hangoverMs: 400,
  /** ms. The floor is the least loudness of this long: 5 buckets of 3 s, as long as the field's trackers look back. */
  floorBucketMs: 3000,
  floorBuckets: 5,
  /** dB per second that a floor rises. Speech dips to its noise within a second or two, before this matters; a source that
   *  claims 0 dBov for ever has become its own floor after 6 s. Downwards the floor follows at once. */
  floorRisePerSecond: 10,
  /** ms without a packet that are taken as jitter, not as silence: two packets' time. */
  missingMs: 40,
  /** Samples (120 ms) for which a rival's score must have been clear of a holder's. With the attack's 60 ms and one step of
   *  waiting that makes 200 ms, inside the 300 ms of A8. */
  lowSamples: 6,
  /** Samples (400 ms, the hangover) over which a holder's greatest score counts: a pause between two words costs nothing. */
  highSamples: 20,
  sampleMs: 20,
  /** ms without any level after which a source is one without the extension. */
  levelAbsentMs: 1000,
  /** Bytes. Opus in DTX sends 1–3 bytes, comfort noise of other encoders up to 10; speech at 6 kbit/s has 15. */
  dtxBytes: 10,
  /** ms that screen sound counts as sounding after its last sound: music has rests. */
  soundHoldMs: 2000,
} as const;

export class LevelDetector {
  /** µs of the last packet that was speech; -Infinity: never. */
  lastActiveMicros = -Infinity;
  #lastSoundMicros = -Infinity;
  #lastLevelMicros = -Infinity;
  #score = 0;
  #scoreAtMicros = 0;
  #floor: number = LEVEL.firstFloor;
  readonly #floorWindow = new WindowMinimum(LEVEL.floorBucketMs * 1000, LEVEL.floorBuckets);
  #lastLoudness = 0;
  readonly #samples = new Float64Array(LEVEL.highSamples);
  #sampleAt = 0;
  #low = 0;
  #high = 0;
  #leastBytes = Infinity;
  #mostBytes = 0;

  /**
   * @param audioLevel RFC 6464, -1 = the packet has none
   * @param frameMicros duration of the packet's sound
   * @returns true when speech began with this packet
   */
  handlePacket(audioLevel: number, payloadLength: number, frameMicros: number, nowMicros: number): boolean {
    const spoke = this.speaking(nowMicros);
    if (payloadLength < this.#leastBytes) this.#leastBytes = payloadLength;
    if (payloadLength > this.#mostBytes) this.#mostBytes = payloadLength;
    if (audioLevel >= 0) this.#handleLevel(Math.max(0, 127 - audioLevel), frameMicros, nowMicros);
    else if (nowMicros - this.#lastLevelMicros > LEVEL.levelAbsentMs * 1000)
      this.#handleSize(payloadLength, nowMicros);
    return !spoke && this.speaking(nowMicros);
  }

  speaking(nowMicros: number): boolean {
    return nowMicros - this.lastActiveMicros <= LEVEL.hangoverMs * 1000;
  }

  /** The last packet by itself is no speech, be it between two words; or it has no level that could tell. */
  get quiet(): boolean {
    return this.#lastLoudness - this.#floor < LEVEL.speechAboveFloor;
  }

  /** Not silent in the absolute sense: for the sound of shared screens (A10). */
  sounding(nowMicros: number): boolean {
    return nowMicros - this.#lastSoundMicros <= LEVEL.soundHoldMs * 1000;
  }

  /** dB above the own floor, smoothed; decays while nothing comes. 0 for a source without levels. */
  score(nowMicros: number): number {
    const missing = nowMicros - this.#scoreAtMicros - LEVEL.missingMs * 1000;
    return missing <= 0 ? this.#score : this.#score * Math.exp(-missing / (LEVEL.releaseMs * 1000));
  }

  /** Every `LEVEL.sampleMs`. */
  sample(nowMicros: number): void {
    const samples = this.#samples;
    samples[this.#sampleAt] = this.score(nowMicros);
    let low = Infinity;
    let high = 0;
    for (let age = 0; age < LEVEL.highSamples; age++) {
      const score = samples[(this.#sampleAt + LEVEL.highSamples - age) % LEVEL.highSamples]!;
      if (score > high) high = score;
      if (age < LEVEL.lowSamples && score < low) low = score;
    }
    this.#low = low;
    this.#high = high;
    this.#sampleAt = (this.#sampleAt + 1) % LEVEL.highSamples;
  }
  /** The least score of the last `lowSamples`: as loud as that it has been all the time. Never above `high`. */
  get low(): number {
    return this.#low;
  }
  /** The greatest score of the last `highSamples`. */
  get high(): number {
    return this.#high;
  }
  get floor(): number {
    return this.#floor;
  }

  /** Muted: what was said before does not count as being said now. The noise floor stays known. */
  pause(): void {
    this.#score = 0;
    this.#samples.fill(0);
    this.#low = this.#high = 0;
    this.#lastSoundMicros = -Infinity;
  }

  #handleLevel(loudness: number, frameMicros: number, nowMicros: number): void {
    this.#lastLevelMicros = nowMicros;
    if (loudness >= LEVEL.lowestFloor) this.#lastSoundMicros = nowMicros;
    // One packet of digital silence (a gate, a lost frame) is no floor: two in a row are.
    this.#floorWindow.push(Math.max(loudness, this.#lastLoudness), nowMicros);
    this.#lastLoudness = loudness;
    const least = Math.max(LEVEL.lowestFloor, this.#floorWindow.value);
    const rise = (LEVEL.floorRisePerSecond * frameMicros) / 1_000_000;
    this.#floor = Math.min(least, this.#floor + rise);

    const above = Math.max(0, loudness - this.#floor);
    const before = this.score(nowMicros);
    const constant = (above > before ? LEVEL.attackMs : LEVEL.releaseMs) * 1000;
    this.#score = before + (above - before) * (1 - Math.exp(-frameMicros / constant));
    this.#scoreAtMicros = nowMicros;
    const lasts = above >= LEVEL.speechAboveFloor && this.#score >= LEVEL.speechAboveFloor;
    if (lasts || above >= LEVEL.speechAtOnce) this.lastActiveMicros = nowMicros;
  }

  /** Without levels only the size tells: small is DTX, unless every packet has that size. */
  #handleSize(payloadLength: number, nowMicros: number): void {
    const constantRate = this.#leastBytes === this.#mostBytes;
    if (!constantRate && payloadLength <= LEVEL.dtxBytes) return;
    this.lastActiveMicros = nowMicros;
    this.#lastSoundMicros = nowMicros;
  }
}
