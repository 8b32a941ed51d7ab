/**
 * Switches of video slots as painted frames show them, and whether a freeze at one of them was the switch's fault: beside
 * each switch stands whether slots without one froze at the same time, or whether the page itself had no processor time.
 */
import type { Frame, StatisticsAt } from './pictures.js';

export interface SlotHistory {
  receiver: string;
  slot: number;
  mid: string;
  frames: Frame[];
  statistics: StatisticsAt[];
}
export interface JudgedSwitch {
  receiver: string;
  slot: number;
  at: number;
  from: number;
  to: number;
  /** Between the last frame of one camera and the first of the next, as painted. */
  gapMs: number;
  /** By the browser's own count, from shortly before to shortly after. */
  freezes: number;
  /** The page or slots without a switch stood still, too: it proves nothing. */
  isStarved: boolean;
}

const BEFORE_MS = 600;
const AFTER_MS = 1_200;

function counted(
  slot: SlotHistory,
  name: 'freezeCount' | 'keyFramesDecoded',
  from: number,
  to: number,
): number {
  const before = slot.statistics.filter(({ at }) => at <= from).at(-1) ?? slot.statistics[0];
  const after = slot.statistics.find(({ at }) => at >= to) ?? slot.statistics.at(-1);
  return (after?.streams[slot.mid]?.[name] ?? 0) - (before?.streams[slot.mid]?.[name] ?? 0);
}

/** Places in the frames where another camera begins. */
const changes = ({ frames }: SlotHistory): { at: number; last: Frame; first: Frame }[] =>
  frames.flatMap((first, index) => {
    const last = frames[index - 1];
    return last && last.number !== first.number ? [{ at: first.at, last, first }] : [];
  });

export function judgeSwitches(
  histories: readonly SlotHistory[],
  stalls: readonly { at: number; late: number }[],
): JudgedSwitch[] {
  const still = histories.filter((slot) => slot.frames.length > 0 && changes(slot).length === 0);
  return histories.flatMap((slot) =>
    changes(slot).map(({ at, last, first }) => {
      const [from, to] = [at - BEFORE_MS, at + AFTER_MS];
      const isStarved =
        stalls.some((stall) => stall.at > from && stall.at - stall.late < to) ||
        still.some((other) => counted(other, 'freezeCount', from, to) > 0);
      return {
        ...{ receiver: slot.receiver, slot: slot.slot, at, from: last.number, to: first.number },
        ...{ gapMs: at - last.at, freezes: counted(slot, 'freezeCount', from, to), isStarved },
      };
    }),
  );
}

export function summarize(
  histories: readonly SlotHistory[],
  judged: readonly JudgedSwitch[],
  stalls: readonly { late: number }[],
): string {
  const frames = histories.flatMap((slot) => slot.frames);
  const named = frames.filter(({ csrc }) => csrc !== undefined);
  const gaps = judged.map(({ gapMs }) => gapMs).sort((left, right) => left - right);
  const total = (name: 'keyFramesDecoded' | 'pliCount' | 'packetsLost'): number =>
    histories.reduce((sum, { statistics, mid }) => {
      const [first, last] = [statistics[0]?.streams[mid]?.[name], statistics.at(-1)?.streams[mid]?.[name]];
      return sum + (last ?? 0) - (first ?? 0);
    }, 0);
  const resizes = histories.reduce(
    (sum, slot) =>
      sum +
      slot.frames.filter((frame, index) => {
        const before = slot.frames[index - 1];
        return before !== undefined && before.width !== frame.width && before.number === frame.number;
      }).length,
    0,
  );
  const frozen = judged.filter(({ freezes }) => freezes > 0);
  const froze = histories.flatMap(({ receiver, slot, mid, statistics }) =>
    statistics.flatMap(({ at, streams }, index) => {
      const before = statistics[index - 1]?.streams[mid]?.freezeCount ?? streams[mid]?.freezeCount ?? 0;
      const now = streams[mid]?.freezeCount ?? 0;
      return now > before ? [`${receiver}/${slot} at ${at.toFixed(0)}`] : [];
    }),
  );
  const decoders = new Set(
    histories.flatMap(({ mid, statistics }) => statistics.at(-1)?.streams[mid]?.decoderImplementation ?? []),
  );
  return (
    `switches: ${judged.length}; between the last old and the first new frame: p50 ${gaps[gaps.length >> 1]?.toFixed(0)} ms, ` +
    `longest ${gaps.at(-1)?.toFixed(0)} ms; with a freeze: ${frozen.length}, ` +
    `of these starved of processor time: ${frozen.filter(({ isStarved }) => isStarved).length}; ` +
    `freezes of all slots, switched or not: ${froze.length}${froze.length > 0 ? ` (${froze.join(', ')})` : ''}; times the page stood still: ${stalls.length}\n` +
    `frames: ${frames.length}, with a known CSRC ${named.length}; key frames ${total('keyFramesDecoded')}, layer changes ` +
    `${resizes}, key frames asked for by the browser ${total('pliCount')}, packets lost ${total('packetsLost')}; ` +
    `decoders: ${[...decoders].join(', ')}`
  );
}
