/** The sending side of AV1 in RTP, for tests: temporal units into packets of at most so many bytes. AV1 RTP specification §4.3–§4.5. */
import type { EncodedFrame, RtpPayload } from '../../src/index.js';

interface Obu {
  header: Uint8Array;
  body: Uint8Array;
}

function unitsOf(data: Uint8Array): Obu[] {
  const units: Obu[] = [];
  for (let at = 0; at < data.length;) {
    const headerBytes = data[at]! & 0x04 ? 2 : 1;
    const header = data.slice(at, at + headerBytes);
    header[0]! &= ~0x02;
    at += headerBytes;
    let size = 0;
    for (let step = 0, more = true; more; step++) {
      more = (data[at]! & 0x80) !== 0;
      size |= (data[at++]! & 0x7f) << (7 * step);
    }
    units.push({ header, body: data.slice(at, at + size) });
    at += size;
  }
  return units;
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

/**
 * @param options `counted`: W says how many elements there are, when three or fewer; `delimiters`: they are sent, though they
 *   should not be
 */
export function splitIntoPackets(
  frames: readonly EncodedFrame[],
  options: { size: number; counted: boolean; delimiters: boolean },
): RtpPayload[] {
  const packets: RtpPayload[] = [];
  for (const { data, timestamp, keyFrame } of frames) {
    const units = unitsOf(data).map(({ header, body }) => Uint8Array.of(...header, ...body));
    if (options.delimiters) units.unshift(Uint8Array.of(0x10));
    const bodies: { elements: Uint8Array[]; continues: boolean; goesOn: boolean }[] = [];
    let current = { elements: [] as Uint8Array[], continues: false, goesOn: false };
    let left = options.size - 1;
    const next = (continues: boolean): void => {
      current.goesOn = continues;
      bodies.push(current);
      current = { elements: [], continues, goesOn: false };
      left = options.size - 1;
    };
    for (const unit of units) {
      // Two bytes for a length; an extended header must not be torn apart.
      if (left < 5) next(false);
      for (let at = 0; at < unit.length;) {
        if (left < 4) next(at > 0);
        const part = unit.slice(at, at + left - 2);
        current.elements.push(part);
        left -= part.length + 2;
        at += part.length;
      }
    }
    next(false);
    for (const [index, { elements, continues, goesOn }] of bodies.entries()) {
      const counted = options.counted && elements.length <= 3;
      const flags = (continues ? 0x80 : 0) | (goesOn ? 0x40 : 0) | (index === 0 && keyFrame ? 0x08 : 0);
      const payload = [flags | (counted ? elements.length << 4 : 0)];
      for (const [place, element] of elements.entries()) {
        if (!counted || place < elements.length - 1) payload.push(...leb128(element.length));
        payload.push(...element);
      }
      packets.push({
        sequenceNumber: packets.length,
        timestamp,
        marker: index === bodies.length - 1,
        payload: Uint8Array.from(payload),
      });
    }
  }
  return packets;
}
