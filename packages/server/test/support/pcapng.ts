/** Reads the pcapng files of the tests: blocks with their options, big-endian. draft-ietf-opsawg-pcapng §3.1, §3.5. */
export interface Block {
  type: number;
  body: Buffer;
  /** By code; of several with one code the last. */
  options: Map<number, Buffer>;
}

const FIXED = new Map([
  [0x0a0d0d0a, 16],
  [1, 8],
  [5, 12],
]);

export function readBlocks(file: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < file.length;) {
    const type = file.readUInt32BE(at);
    const length = file.readUInt32BE(at + 4);
    if (length % 4 !== 0 || file.readUInt32BE(at + length - 4) !== length)
      throw new Error(`block at ${at}: its two lengths differ`);
    const body = file.subarray(at + 8, at + length - 4);
    const fixed = type === 6 ? 20 + ((body.readUInt32BE(12) + 3) & ~3) : (FIXED.get(type) ?? body.length);
    blocks.push({ type, body, options: readOptions(body.subarray(fixed)) });
    at += length;
  }
  return blocks;
}

function readOptions(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const code = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    if (code === 0) break;
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

export const interfacesOf = (blocks: readonly Block[]): string[] =>
  blocks.filter(({ type }) => type === 1).map(({ options }) => String(options.get(2)));

export interface FilePacket {
  interface: number;
  unixMicros: number;
  direction: 'incoming' | 'outgoing';
  /** Behind the IPv4 and UDP headers. */
  payload: Buffer;
  from: string;
  to: string;
}

export const packetsOf = (blocks: readonly Block[]): FilePacket[] =>
  blocks
    .filter(({ type }) => type === 6)
    .map(({ body, options }) => {
      const ip = body.subarray(20, 20 + body.readUInt32BE(12));
      const end = (address: number, port: number): string =>
        `${ip.subarray(address, address + 4).join('.')}:${ip.readUInt16BE(port)}`;
      return {
        interface: body.readUInt32BE(0),
        unixMicros: body.readUInt32BE(4) * 2 ** 32 + body.readUInt32BE(8),
        direction: options.get(2)?.[3] === 1 ? 'incoming' : 'outgoing',
        payload: ip.subarray(28),
        from: end(12, 20),
        to: end(16, 22),
      };
    });

/** Of the statistics at the end. */
export const statisticsOf = (
  blocks: readonly Block[],
): { interface: number; received: bigint; dropped: bigint; comment: string }[] =>
  blocks
    .filter(({ type }) => type === 5)
    .map(({ body, options }) => ({
      interface: body.readUInt32BE(0),
      received: options.get(4)!.readBigUInt64BE(),
      dropped: options.get(5)!.readBigUInt64BE(),
      comment: String(options.get(1)),
    }));
