/**
 * What a clap looks and sounds like, and how it is recognized. Each picture bears its number and its sender's, each beep a tone
 * that says whose it is and which of eight: nothing can be taken for another clap. Pure, for page and worker.
 */
export const RATE = 48_000;
export const FRAME_MS = 40;
/** Three claps and a pause, in pictures. The pause is long enough that the server takes it for one between words. */
export const PERIOD = 35;
const CLAPS = [0, 6, 12];
const BEEP_MS = 60;
const FLASH_FRAMES = 3;
/** Tones of each sender; with three claps in 1.4 s they come again after 3.3 s or more. */
export const TONES = 8;
const LOWEST_HZ = 800;
const STEP_HZ = 200;
const SENDERS = 2;
const LEVEL = 0.5;
/** Of a millisecond of sound. */
const HEARD = 0.1;
const QUIET_MS = 60;
/** Of a beep: by 50 Hz it is told apart. */
const TONE_MS = 20;
/** A beep is over after so much silence. One that is shorter lacks its beginning, cut off by a switch, or a packet. */
const OVER_MS = 4;
const SHORTEST_MS = 48;

const NUMBER_BITS = 12;
const BLOCKS = 16;

/** Which clap begins with this picture; they are counted over pauses. */
export function clapOf(picture) {
  const inPeriod = ((picture % PERIOD) + PERIOD) % PERIOD;
  const which = CLAPS.indexOf(inPeriod);
  return which < 0 ? undefined : Math.floor(picture / PERIOD) * CLAPS.length + which;
}
/** The picture with which this clap begins. */
export const pictureOf = (clap) =>
  Math.floor(clap / CLAPS.length) * PERIOD + CLAPS[((clap % CLAPS.length) + CLAPS.length) % CLAPS.length];

/** 0…15; `number` of the sender is 1 or 2. */
const toneOf = (number, clap) => (clap % TONES) * SENDERS + (number - 1);
const hertz = (tone) => LOWEST_HZ + STEP_HZ * tone;

const SAMPLES = (FRAME_MS * RATE) / 1_000;
export function beepAt(number, sample) {
  const inPicture = sample % SAMPLES;
  for (let back = 0; back * FRAME_MS < BEEP_MS; back++) {
    const picture = Math.floor(sample / SAMPLES) - back;
    const clap = clapOf(picture);
    const since = back * SAMPLES + inPicture;
    if (clap === undefined || since >= (BEEP_MS * RATE) / 1_000) continue;
    return LEVEL * Math.sin((2 * Math.PI * hertz(toneOf(number, clap)) * since) / RATE);
  }
  return 0;
}

/** Neighbours differ by one block: it costs few bits. */
const gray = (value) => value ^ (value >> 1);
function ungray(code) {
  let value = 0;
  for (let bits = code; bits; bits >>= 1) value ^= bits;
  return value;
}

export function paint(painter, number, picture) {
  const { width, height } = painter.canvas;
  const code = gray(picture % 2 ** NUMBER_BITS) | (number << NUMBER_BITS);
  for (let block = 0; block < BLOCKS; block++) {
    const bit = (code >> block) & 1;
    for (const row of [0, 1]) {
      painter.fillStyle = bit === 1 - row ? '#fff' : '#000';
      painter.fillRect((block * width) / BLOCKS, (row * height) / 3, width / BLOCKS + 1, height / 3);
    }
  }
  let isFlash = false;
  for (let back = 0; back < FLASH_FRAMES; back++) isFlash ||= clapOf(picture - back) !== undefined;
  painter.fillStyle = isFlash ? '#fff' : '#333';
  painter.fillRect(0, (height * 2) / 3, width, height / 3);
}

export class Eye {
  #painter;
  constructor(canvas) {
    Object.assign(canvas, { width: BLOCKS, height: 2 });
    this.#painter = canvas.getContext('2d', { willReadFrequently: true });
  }

  /** @returns {whose, number} of the picture, modulo 4,096; undefined where it cannot be read */
  read(image, width, height) {
    for (const row of [0, 1])
      this.#painter.drawImage(image, 0, height * (row / 3 + 0.1), width, height * 0.13, 0, row, BLOCKS, 1);
    const { data } = this.#painter.getImageData(0, 0, BLOCKS, 2);
    let code = 0;
    for (let block = 0; block < BLOCKS; block++) {
      const [bit, inverse] = [data[block * 4] > 128, data[(BLOCKS + block) * 4] > 128];
      if (bit === inverse) return undefined;
      code |= Number(bit) << block;
    }
    return { whose: code >> NUMBER_BITS, number: ungray(code & (2 ** NUMBER_BITS - 1)) };
  }
}

/** Goertzel's filter: the strength of one frequency. */
function strength(samples, frequency, rate) {
  const cosine = 2 * Math.cos((2 * Math.PI * frequency) / rate);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + cosine * one - two, one];
  return one * one + two * two - cosine * one * two;
}

function toneIn(samples, rate) {
  const strengths = Array.from({ length: TONES * SENDERS }, (_, tone) =>
    strength(samples, hertz(tone), rate),
  );
  return strengths.indexOf(Math.max(...strengths));
}

/** Finds beeps in sound that comes piece by piece. */
export class Ears {
  #quietMs = 0;
  #beep;

  /** @param at ms of the first sample @returns {tone, at} of beeps that are over now; `at` when they began */
  hear(samples, at, rate) {
    const found = [];
    const step = rate / 1_000;
    for (let from = 0; from + step <= samples.length; from += step) {
      const piece = samples.subarray(from, from + step);
      const first = piece.findIndex((sample) => Math.abs(sample) > HEARD);
      const isQuiet = first < 0;
      if (!this.#beep && !isQuiet && this.#quietMs >= QUIET_MS)
        this.#beep = { at: at + (from + first) / step, samples: [], ms: 0 };
      this.#quietMs = isQuiet ? this.#quietMs + 1 : 0;
      const beep = this.#beep;
      if (!beep) continue;
      if (!isQuiet) beep.ms++;
      if (beep.samples.length < TONE_MS * step) beep.samples.push(...piece);
      if (this.#quietMs < OVER_MS) continue;
      this.#beep = undefined;
      if (beep.ms >= SHORTEST_MS) found.push({ at: beep.at, tone: toneIn(beep.samples, rate) });
    }
    return found;
  }
}
