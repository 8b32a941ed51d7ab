/**
 * Writes transport-wide feedback as a receiver does, from a list of arrivals. Written from
 * draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1, without the engine's reader.
 */

export type ChunkForm = 'run' | 'one-bit' | 'two-bit';

/** @param arrivals microseconds by the receiver's clock, undefined = not received; the first one belongs to `base` */
export function feedbackFci(
  base: number,
  arrivals: readonly (number | undefined)[],
  form: ChunkForm = 'two-bit',
  count = 0,
): Buffer {
  const first = arrivals.find((arrival) => arrival !== undefined) ?? 0;
  const reference = Math.floor(first / 64_000);
  let before = reference * 256; // in units of 250 µs
  const symbols: number[] = [];
  const deltas: number[] = [];
  for (const arrival of arrivals) {
    if (arrival === undefined) {
      symbols.push(0);
      continue;
    }
    const delta = Math.round(arrival / 250) - before;
    before += delta;
    const small = delta >= 0 && delta <= 255;
    symbols.push(small ? 1 : 2);
    deltas.push(...(small ? [delta] : [(delta >> 8) & 0xff, delta & 0xff]));
  }
  const head = Buffer.alloc(8);
  head.writeUInt16BE(base & 0xffff, 0);
  head.writeUInt16BE(arrivals.length, 2);
  head.writeUIntBE(reference & 0xffffff, 4, 3);
  head[7] = count;
  const body = Buffer.concat([
    head,
    Buffer.from(chunks(symbols, form).flatMap((c) => [c >> 8, c & 0xff])),
    Buffer.from(deltas),
  ]);
  return Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
}

function chunks(symbols: readonly number[], form: ChunkForm): number[] {
  const out: number[] = [];
  for (let at = 0; at < symbols.length;) {
    if (form === 'run') {
      let length = 1;
      while (symbols[at + length] === symbols[at] && length < 8191) length++;
      out.push((symbols[at]! << 13) | length);
      at += length;
      continue;
    }
    const [width, bits, mark] = form === 'one-bit' ? [14, 1, 0x8000] : [7, 2, 0xc000];
    let chunk = mark!;
    for (let i = 0; i < width!; i++) chunk |= (symbols[at + i] ?? 0) << (bits! * (width! - 1 - i));
    out.push(chunk);
    at += width!;
  }
  return out;
}
