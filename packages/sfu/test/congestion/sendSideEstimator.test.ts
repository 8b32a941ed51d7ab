import { describe, expect, test } from 'vitest';
import type { ProbeReport, TransportFeedback } from '../../src/media/congestion/feedback.js';
import { SendSideEstimator } from '../../src/media/congestion/sendSideEstimator.js';

const SECOND = 1_000_000;

/** 100 ms of packets each 10 ms that arrive as they were sent, `addedMicros` later each than the one before. */
function feedbackAt(
  nowMicros: number,
  more: Partial<TransportFeedback> = {},
  addedMicros = 0,
): TransportFeedback {
  const groups = new Float64Array(30);
  for (let at = 0; at < 30; at += 3) groups.set([10_000, 10_000 + addedMicros, 750], at);
  return {
    ackedBytes: 7_500,
    lostPackets: 0,
    receivedPackets: 10,
    lastSendMicros: nowMicros - 50_000,
    lastArrivalMicros: nowMicros - 25_000,
    oldestSendMicros: nowMicros - 150_000,
    inFlightBytes: 1_000,
    groups,
    probes: [],
    ...more,
  };
}

function run(
  estimator: SendSideEstimator,
  fromSeconds: number,
  toSeconds: number,
  more: Partial<TransportFeedback> = {},
  addedMicros = 0,
): void {
  for (let now = fromSeconds * SECOND; now < toSeconds * SECOND; now += 100_000)
    estimator.handleFeedback(feedbackAt(now, more, addedMicros), now);
}

describe('before any feedback', () => {
  test('600 kbit/s, or what is given as start', () => {
    const estimator = new SendSideEstimator();
    expect(estimator.targetBitrate).toBe(600_000);
    estimator.setBounds({ start: 1_000_000 }, 0);
    expect(estimator.targetBitrate).toBe(1_000_000);
    expect(estimator.pacingBitrate).toBe(1_500_000);
    expect(estimator.nextDeadline()).toBeUndefined();
    expect(estimator.takeProbes()).toEqual([]);
  });

  test('within the bounds, and a start after feedback changes nothing', () => {
    const estimator = new SendSideEstimator();
    estimator.setBounds({ min: 200_000, max: 400_000 }, 0);
    expect(estimator.targetBitrate).toBe(400_000);
    run(estimator, 1, 1.1);
    estimator.setBounds({ start: 300_000 }, SECOND);
    expect(estimator.targetBitrate).toBe(400_000);
    estimator.setBounds({ max: 100_000 }, SECOND);
    expect(estimator.targetBitrate).toBe(200_000);
  });
});

describe('REMB and receiver reports, without transport-wide feedback', () => {
  test('REMB is the estimate, up and down', () => {
    const estimator = new SendSideEstimator();
    estimator.handleRemb(2_000_000, 0);
    expect(estimator.targetBitrate).toBe(2_000_000);
    estimator.handleRemb(300_000, SECOND);
    expect(estimator.targetBitrate).toBe(300_000);
  });

  test.each([0, 2 ** 63 * 2 ** 18, Infinity])('H5.7 a REMB of %d stays within the bounds', (bitrate) => {
    const estimator = new SendSideEstimator();
    estimator.handleRemb(bitrate, 0);
    expect(estimator.targetBitrate).toBeGreaterThanOrEqual(30_000);
    expect(estimator.targetBitrate).toBeLessThanOrEqual(1_000_000_000);
  });

  test('reports without loss let it rise by about 8 % a second, with 20 % of loss it falls by a tenth each time', () => {
    const estimator = new SendSideEstimator();
    for (let second = 0; second <= 10; second++) estimator.handleReceiverReport(0, 50_000, second * SECOND);
    expect(estimator.targetBitrate / 600_000).toBeCloseTo(1.08 ** 10, 1);
    const before = estimator.targetBitrate;
    estimator.handleReceiverReport(0.2, 50_000, 11 * SECOND);
    expect(estimator.targetBitrate / before).toBeCloseTo(0.9, 2);
    estimator.handleReceiverReport(0.2, 50_000, 12 * SECOND);
    expect(estimator.targetBitrate / before).toBeCloseTo(0.81, 2);
  });

  test('beside feedback REMB is only a limit', () => {
    const estimator = new SendSideEstimator();
    run(estimator, 1, 2);
    estimator.handleRemb(100_000, 2 * SECOND);
    expect(estimator.targetBitrate).toBe(100_000);
    estimator.handleRemb(50_000_000, 3 * SECOND);
    expect(estimator.targetBitrate).toBeLessThan(1_000_000);
  });
});

describe('delay', () => {
  test('delay that grows by 3 ms each 10 ms is overuse and lowers the target below what arrives', () => {
    const estimator = new SendSideEstimator();
    run(estimator, 1, 3);
    run(estimator, 3, 4, {}, 3_000);
    expect(estimator.state().network).toBe('overuse');
    expect(estimator.targetBitrate).toBeLessThan(600_000);
    expect(estimator.targetBitrate).toBeGreaterThan(400_000);
  });

  test('a pause of sending forgets the slope of before', () => {
    const estimator = new SendSideEstimator();
    run(estimator, 1, 3);
    run(estimator, 3, 4, {}, 3_000);
    run(estimator, 10, 10.1, { groups: Float64Array.from([6_000_000, 6_000_000, 100]) });
    expect(estimator.state()).toMatchObject({ network: 'normal', trendMs: 0 });
  });
});

describe('silence', () => {
  test('with packets under way it lowers the target by a fifth each second, without it does nothing', () => {
    const estimator = new SendSideEstimator();
    run(estimator, 1, 2);
    const before = estimator.targetBitrate;
    estimator.poll(2_890_000);
    expect(estimator.targetBitrate).toBe(before);
    estimator.poll(2_900_000);
    estimator.poll(3_900_000);
    expect(estimator.targetBitrate).toBeCloseTo(before * 0.64, 0);

    const idle = new SendSideEstimator();
    run(idle, 1, 2, { inFlightBytes: 0 });
    const target = idle.targetBitrate;
    idle.poll(20 * SECOND);
    expect(idle.targetBitrate).toBe(target);
  });
});

describe('probes', () => {
  const answer = (more: Partial<ProbeReport>): ProbeReport => ({
    clusterId: 1,
    bytes: 4_500,
    packets: 18,
    firstSend: 0,
    lastSend: 19_000,
    firstArrival: 500_000,
    lastArrival: 519_000,
    ...more,
  });
  const started = (): SendSideEstimator => {
    const estimator = new SendSideEstimator();
    estimator.handleFeedback(feedbackAt(SECOND), SECOND);
    return estimator;
  };
  const targetAfter = (...probes: ProbeReport[]): number => {
    const estimator = started();
    estimator.handleFeedback(feedbackAt(1_100_000, { probes }), 1_100_000);
    return estimator.targetBitrate;
  };

  test('the first is three times the start, for 20 ms, given once', () => {
    const estimator = started();
    expect(estimator.takeProbes()).toEqual([{ clusterId: 1, bitsPerSecond: 1_800_000, bytes: 4_500 }]);
    expect(estimator.takeProbes()).toEqual([]);
  });

  test('none beyond what is wanted, none at all where nothing more is', () => {
    const estimator = new SendSideEstimator();
    estimator.setBounds({ max: 1_000_000 }, 0);
    estimator.handleFeedback(feedbackAt(SECOND), SECOND);
    expect(estimator.takeProbes()[0]?.bitsPerSecond).toBe(1_000_000);
    const content = new SendSideEstimator();
    content.setBounds({ max: 600_000 }, 0);
    run(content, 1, 30);
    expect(content.takeProbes()).toEqual([]);
  });

  test('when more is wanted than before the next one does not wait for its turn', () => {
    const estimator = new SendSideEstimator();
    estimator.setBounds({ max: 600_000 }, 0);
    run(estimator, 1, 2.5);
    estimator.setBounds({ max: 2_000_000 }, 2.5 * SECOND);
    estimator.poll(2.5 * SECOND);
    expect(estimator.takeProbes()).toHaveLength(1);
    estimator.setBounds({ max: 4_000_000 }, 2.6 * SECOND);
    estimator.poll(2.6 * SECOND);
    expect(estimator.takeProbes()).toEqual([]);
  });

  test('one that arrives as it was sent is believed, and the next follows at once', () => {
    const estimator = started();
    estimator.takeProbes();
    estimator.handleFeedback(feedbackAt(1_100_000, { probes: [answer({})] }), 1_100_000);
    expect(estimator.targetBitrate).toBeGreaterThan(1_700_000);
    expect(estimator.takeProbes()[0]?.bitsPerSecond).toBeGreaterThan(3_400_000);
  });

  test('one that comes through lifts what loss has bounded, though the delay allowed more all the time', () => {
    const estimator = new SendSideEstimator();
    run(estimator, 1, 1.3);
    estimator.takeProbes();
    run(estimator, 1.3, 4, { receivedPackets: 3, lostPackets: 7, ackedBytes: 2_250 });
    const { targetBitrate: bounded, delayBitrate } = estimator.state();
    let now = 4 * SECOND;
    let probe = estimator.takeProbes().at(-1);
    for (; probe === undefined && now < 20 * SECOND; probe = estimator.takeProbes().at(-1)) {
      estimator.poll((now += 100_000));
    }
    const { clusterId, bitsPerSecond, bytes } = probe!;
    expect(bitsPerSecond).toBeLessThan(delayBitrate);
    const probes = [
      answer({
        clusterId,
        bytes,
        lastArrival: 500_000 + (bytes * 8 * SECOND) / bitsPerSecond,
        lastSend: (bytes * 8 * SECOND) / bitsPerSecond,
      }),
    ];
    estimator.handleFeedback(feedbackAt(now, { probes }), now);
    expect(estimator.targetBitrate).toBeGreaterThan(bounded * 1.5);
  });

  test('one that arrives over two feedbacks is put together', () => {
    const estimator = started();
    const halves = [
      answer({ bytes: 2_250, packets: 9, lastSend: 9_000, lastArrival: 509_000 }),
      answer({ bytes: 2_250, packets: 9, firstSend: 10_000, firstArrival: 510_000 }),
    ];
    estimator.handleFeedback(feedbackAt(1_100_000, { probes: [halves[0]!] }), 1_100_000);
    expect(estimator.targetBitrate).toBeLessThan(700_000);
    estimator.handleFeedback(feedbackAt(1_200_000, { probes: [halves[1]!] }), 1_200_000);
    expect(estimator.targetBitrate).toBeGreaterThan(1_700_000);
  });

  test.each([
    { name: 'too few packets', report: { packets: 3 } },
    { name: 'too few bytes', report: { bytes: 1_000 } },
    { name: 'another number', report: { clusterId: 9 } },
    { name: 'no time between the first and the last', report: { lastArrival: 500_000 } },
    { name: 'arrived four times as fast as sent', report: { lastArrival: 504_000 } },
    { name: 'spread over two seconds', report: { lastArrival: 2_500_000 } },
    { name: 'times that go back', report: { lastArrival: 400_000 } },
  ])('not believed: $name', ({ report }) => {
    expect(targetAfter(answer(report))).toBeLessThan(700_000);
  });

  test('without an answer there is another after three seconds, not sooner', () => {
    const estimator = started();
    estimator.takeProbes();
    run(estimator, 1.1, 3.9);
    expect(estimator.takeProbes()).toEqual([]);
    run(estimator, 3.9, 4.2);
    expect(estimator.takeProbes()).toHaveLength(1);
  });
});

test('H5.8 feedback of huge and negative numbers leaves a target within the bounds', () => {
  const estimator = new SendSideEstimator();
  run(estimator, 1, 2);
  const odd = [0, -1, 1e15, -1e15];
  let now = 2 * SECOND;
  for (const groups of odd)
    for (const lost of odd)
      for (const last of odd) {
        now += 50_000;
        const feedback = feedbackAt(now, {
          lostPackets: lost,
          lastArrivalMicros: last,
          ackedBytes: Math.abs(groups),
          groups: Float64Array.from([groups, lost, last, last, groups, lost]),
        });
        estimator.handleFeedback(feedback, now);
        expect(estimator.targetBitrate).toBeGreaterThanOrEqual(30_000);
        expect(estimator.targetBitrate).toBeLessThanOrEqual(1_000_000_000);
      }
});

test('when nothing is under way and feedback stops, no deadline stays in the past', () => {
  const estimator = new SendSideEstimator();
  run(estimator, 1, 3, { inFlightBytes: 0 });
  estimator.takeProbes();
  let polls = 0;
  let probes = 0;
  let now = 3 * SECOND;
  while (now < 33 * SECOND && polls < 100) {
    polls++;
    now = Math.max(now, estimator.nextDeadline() ?? Infinity);
    estimator.poll(now);
    probes += estimator.takeProbes().length;
  }
  // Only they can tell when the way is wide again.
  expect(probes).toBeGreaterThanOrEqual(9);
  expect(probes).toBeLessThanOrEqual(11);
  expect(polls).toBeLessThanOrEqual(2 * probes + 2);
  // It comes again: so do probes.
  run(estimator, now / SECOND + 10, now / SECOND + 10.5);
  expect(estimator.takeProbes()).toHaveLength(1);
});

test('a way that loses a third of the packets is strained; three seconds after the last of them nobody knows', () => {
  const estimator = new SendSideEstimator();
  run(estimator, 1, 3);
  expect(estimator.isStrained(3 * SECOND)).toBe(false);
  run(estimator, 3, 6, { receivedPackets: 10, lostPackets: 5 });
  expect(estimator.isStrained(6 * SECOND)).toBe(true);
  // All pictures are dark: nothing is sent that could be lost, and they must not stay dark because of that.
  expect(estimator.isStrained(10 * SECOND)).toBe(false);
  run(estimator, 10, 12);
  expect(estimator.isStrained(12 * SECOND)).toBe(false);
});
