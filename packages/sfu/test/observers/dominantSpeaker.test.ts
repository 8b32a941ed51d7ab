import { describe, expect, test } from 'vitest';
import { DominantSpeaker } from '../../src/media/observers/dominantSpeaker.js';

const PACKET_MICROS = 20_000;
const POLL_MICROS = 300_000;

/** Levels in dBov per source over time, with the decisions that fall out of them. */
class Conversation {
  readonly speaker = new DominantSpeaker();
  readonly decisions: { atSeconds: number; id: string }[] = [];
  #nowMicros = 1_000_000;
  #nextPollMicros = this.#nowMicros + POLL_MICROS;

  constructor(...ids: string[]) {
    for (const id of ids) this.speaker.add(id, this.#nowMicros);
  }

  /** @param levels dBov; undefined sends nothing (DTX) */
  run(seconds: number, levels: Record<string, number | undefined | ((second: number) => number)>): this {
    const start = this.#nowMicros;
    const end = start + seconds * 1e6;
    for (; this.#nowMicros < end; this.#nowMicros += PACKET_MICROS) {
      for (const [id, level] of Object.entries(levels)) {
        const value = typeof level === 'function' ? level((this.#nowMicros - start) / 1e6) : level;
        if (value !== undefined) this.speaker.handleLevel(id, -value, this.#nowMicros);
      }
      if (this.#nowMicros < this.#nextPollMicros) continue;
      this.#nextPollMicros += POLL_MICROS;
      const id = this.speaker.poll(this.#nowMicros);
      if (id !== undefined) this.decisions.push({ atSeconds: (this.#nowMicros - 1_000_000) / 1e6, id });
    }
    return this;
  }

  get names(): string[] {
    return this.decisions.map(({ id }) => id);
  }
}

const ROOM = -75; // dBov, a quiet room
const SPEECH = -32;
/** Words of 0.4 s with 0.1 s between them. */
const words = (second: number): number => (second % 0.5 < 0.4 ? SPEECH : ROOM);

describe('DominantSpeaker', () => {
  test('nobody dominates a silent room', () => {
    expect(new Conversation('ada', 'ben').run(5, { ada: ROOM, ben: ROOM }).names).toEqual([]);
  });

  test('who begins to talk dominates within 0.7 s', () => {
    const talk = new Conversation('ada', 'ben').run(3, { ada: ROOM, ben: ROOM });
    const before = 3;
    talk.run(2, { ada: words, ben: ROOM });
    expect(talk.names).toEqual(['ada']);
    expect(talk.decisions[0]!.atSeconds - before).toBeLessThan(0.7);
  });

  test('turns: the next one takes over when the first has stopped', () => {
    const talk = new Conversation('ada', 'ben', 'cleo')
      .run(4, { ada: words, ben: ROOM, cleo: ROOM })
      .run(4, { ada: ROOM, ben: words, cleo: ROOM })
      .run(4, { ada: ROOM, ben: ROOM, cleo: words });
    expect(talk.names).toEqual(['ada', 'ben', 'cleo']);
    const [, ben, cleo] = talk.decisions;
    expect(ben!.atSeconds - 4).toBeLessThan(1.6);
    expect(cleo!.atSeconds - 8).toBeLessThan(1.6);
  });

  test('a cough takes nothing', () => {
    const cough = (second: number): number => (second > 1 && second < 1.15 ? -15 : ROOM);
    const talk = new Conversation('ada', 'ben')
      .run(3, { ada: words, ben: ROOM })
      .run(3, { ada: words, ben: cough });
    expect(talk.names).toEqual(['ada']);
  });

  test('a knock on the table while the speaker breathes takes nothing', () => {
    const knock = (second: number): number => (second > 0.3 && second < 0.36 ? -10 : ROOM);
    const talk = new Conversation('ada', 'ben')
      .run(3, { ada: words, ben: ROOM })
      .run(1, { ada: ROOM, ben: knock })
      .run(3, { ada: words, ben: ROOM });
    expect(talk.names).toEqual(['ada']);
  });

  test('who talks into another one does not take over while that one talks on', () => {
    const talk = new Conversation('ada', 'ben')
      .run(3, { ada: words, ben: ROOM })
      .run(3, { ada: words, ben: words });
    expect(talk.names).toEqual(['ada']);
  });

  test('a steady fan is nobody who speaks, and somebody quiet wins over it', () => {
    const talk = new Conversation('fan', 'ada')
      .run(20, { fan: -60, ada: ROOM })
      .run(4, { fan: -60, ada: (second) => (words(second) === ROOM ? ROOM : -45) });
    expect(talk.names).toEqual(['ada']);
  });

  test('silence makes nobody dominant, and the last one stays', () => {
    const talk = new Conversation('ada', 'ben').run(3, { ada: words }).run(10, { ada: undefined });
    expect(talk.names).toEqual(['ada']);
    expect(talk.speaker.dominant).toBe('ada');
  });

  test('the one who stays while the other has left takes over', () => {
    const talk = new Conversation('ada', 'ben').run(3, { ada: words, ben: words });
    const first = talk.speaker.dominant!;
    const other = first === 'ada' ? 'ben' : 'ada';
    talk.speaker.remove(first);
    talk.run(1, { [other]: words });
    expect(talk.speaker.dominant).toBe(other);
  });

  test('a claim of 0 dBov for ever does not hold the floor against people who take turns', () => {
    const talk = new Conversation('liar', 'ada')
      .run(3, { liar: ROOM, ada: words })
      .run(10, { liar: 0, ada: words });
    expect(talk.names).toEqual(['ada']);
  });
});
