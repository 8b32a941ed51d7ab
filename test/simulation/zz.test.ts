import { test } from 'vitest';
import { Conversation } from './support/conversation.js';
import { Judge } from './support/judge.js';
import { Random } from './support/random.js';
import { SimulatedRoom } from './support/room.js';
const FAIR = { loss: 0.005, delayMs: 15, jitterMs: 1, reorder: 0.01, reorderMs: 50 };
test('x', () => {
  const random = new Random(11);
  const judge = new Judge({ earlyMs: 40, lateMs: 160 }, true);
  const room = SimulatedRoom.create(
    { seed: random, slots: 3, profile: 'AEAD_AES_128_GCM', uplink: FAIR, downlink: FAIR, payloadBytes: 40 },
    judge,
  );
  const conversation = new Conversation(
    room,
    { least: 4, most: 9, spurtMs: [80, 700], pauseMs: [60, 900], muteEveryMs: 45, comeOrGoEveryMs: 1500 },
    random,
  );
  const log: string[] = [];
  const mute = room.mute.bind(room);
  room.mute = (talker, muted) => {
    log.push(
      `${(room.nowMicros / 1e6).toFixed(3)} ${muted ? 'mute' : 'unmute'} source ${talker.options.source} csrc ${talker.csrc}`,
    );
    mute(talker, muted);
  };
  const leave = room.leave.bind(room);
  room.leave = (p) => {
    log.push(
      `${(room.nowMicros / 1e6).toFixed(3)} leave ${p.id} sources ${p.talkers.map((t) => t.options.source)}`,
    );
    leave(p);
  };
  const join = room.join.bind(room);
  room.join = (o) => {
    const p = join(o);
    log.push(
      `${(room.nowMicros / 1e6).toFixed(3)} join ${p.id} sources ${p.talkers.map((t) => t.options.source)}`,
    );
    return p;
  };
  const WHO = process.env.WHO ?? 'p1',
    UNTIL = Number(process.env.UNTIL ?? 6.3);
  const sent = room.watch.sent.bind(room.watch);
  room.watch.sent = (l, s, c, t) => {
    if (l === WHO) {
      const tk = [...judge.talkers.values()].find((x) => x.csrc === c[0]);
      log.push(
        `${(t / 1e6).toFixed(3)}   ${l} slot ${s} source ${tk?.options.source} ${c[1] === 42 ? '42' : ''}`,
      );
    }
    sent(l, s, c, t);
  };
  const take = Judge.prototype.stream;
  judge.stream = (l, s, o, own) => {
    const st = take.call(judge, l, s, o, own);
    const t0 = st.take.bind(st);
    st.take = (told) => {
      if (l === WHO)
        log.push(
          `${(told.sentMicros / 1e6).toFixed(3)}     judged ${l} slot ${s} #${told.out} source ${told.source} packet ${told.packetNumber} ts ${told.timestamp} m ${told.marker} [${told.csrcs}]`,
        );
      t0(told);
    };
    return st;
  };
  conversation.begin(7);
  while (room.nowMicros < UNTIL * 1e6) room.step(conversation.act);
  judge.finish();
  console.log(
    log.filter((l) => Number(l.split(' ')[0]) > UNTIL - Number(process.env.BACK ?? 0.35)).join('\n'),
    judge.examples,
    room.participants
      .map((p) => p.id + ':' + p.talkers.map((t) => t.options.source + (t.muted ? 'm' : '')).join())
      .join(' '),
  );
});
