/**
 * SRTP written a second time, from the RFCs and on node:crypto only, to judge the engine by. Slow and plain.
 * One object is one direction: master key and salt in, packets through. It keeps no state: the caller gives the
 * roll-over counter or the SRTCP index.
 * Spec: RFC 3711 (§3.3, §3.4, §4.1.1, §4.2, §4.3), RFC 6188 (256-bit keys), RFC 7714 (AES-GCM).
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

export type ReferenceProfile =
  'AEAD_AES_128_GCM' | 'AEAD_AES_256_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';

const TAG_BYTES = {
  AEAD_AES_128_GCM: { rtp: 16, rtcp: 16 },
  AEAD_AES_256_GCM: { rtp: 16, rtcp: 16 },
  AES_CM_128_HMAC_SHA1_80: { rtp: 10, rtcp: 10 },
  AES_CM_128_HMAC_SHA1_32: { rtp: 4, rtcp: 10 },
};

interface SessionKeys {
  cipher: Buffer;
  salt: Buffer;
  authentication: Buffer;
}

/** AES in counter mode: `length` bytes of keystream from this 16-byte counter block. */
export function keystream(key: Uint8Array, counter: Uint8Array, length: number): Buffer {
  return createCipheriv(`aes-${key.length * 8}-ctr`, key, counter).update(Buffer.alloc(length));
}

/** RFC 3711 §4.3.1 with key derivation rate 0; a salt of 12 bytes is filled up with two zeros (RFC 7714 §11). */
export function derive(masterKey: Uint8Array, masterSalt: Uint8Array, label: number, length: number): Buffer {
  const x = Buffer.alloc(16);
  x.set(masterSalt);
  x[7] = x[7]! ^ label;
  return keystream(masterKey, x, length);
}

/** Length of header, CSRCs and extension, read without any trust in the engine's own parser. */
export function rtpHeaderLength(packet: Uint8Array): number {
  let length = 12 + 4 * (packet[0]! & 0x0f);
  if (packet[0]! & 0x10) length += 4 + 4 * ((packet[length + 2]! << 8) | packet[length + 3]!);
  return length;
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

export class SrtpReference {
  readonly #aead: boolean;
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #tags: { rtp: number; rtcp: number };

  constructor(
    readonly profile: ReferenceProfile,
    key: Uint8Array,
    salt: Uint8Array,
    options: { areSessionKeys?: boolean } = {},
  ) {
    this.#aead = profile.startsWith('AEAD');
    this.#tags = TAG_BYTES[profile];
    const session = (firstLabel: number): SessionKeys =>
      options.areSessionKeys
        ? { cipher: Buffer.from(key), salt: Buffer.from(salt), authentication: Buffer.alloc(20) }
        : {
            cipher: derive(key, salt, firstLabel, key.length),
            authentication: derive(key, salt, firstLabel + 1, 20),
            salt: derive(key, salt, firstLabel + 2, salt.length),
          };
    this.#rtp = session(0);
    this.#rtcp = session(3);
  }

  protectRtp(packet: Uint8Array, roc: number): Uint8Array {
    const headerLength = rtpHeaderLength(packet);
    const header = Buffer.from(packet.subarray(0, headerLength));
    const payload = packet.subarray(headerLength);
    const rocBytes = u32(roc);
    if (this.#aead)
      return Buffer.concat([header, this.#seal(this.#rtp, this.#gcmRtpIv(header, roc), header, payload)]);
    const body = Buffer.concat([
      header,
      this.#counterCrypt(this.#rtp, this.#counterRtp(header, roc), payload),
    ]);
    return Buffer.concat([body, this.#mac(this.#rtp, Buffer.concat([body, rocBytes]), this.#tags.rtp)]);
  }

  /** The plain packet, or undefined when the tag does not fit this roll-over counter. */
  unprotectRtp(packet: Uint8Array, roc: number): Uint8Array | undefined {
    if (packet.length < 12 + this.#tags.rtp) return undefined;
    const headerLength = rtpHeaderLength(packet);
    const bodyEnd = packet.length - this.#tags.rtp;
    if (headerLength > bodyEnd) return undefined;
    const header = Buffer.from(packet.subarray(0, headerLength));
    const body = packet.subarray(headerLength, bodyEnd);
    const tag = packet.subarray(bodyEnd);
    if (this.#aead) {
      const plain = this.#open(this.#rtp, this.#gcmRtpIv(header, roc), header, body, tag);
      return plain && Buffer.concat([header, plain]);
    }
    const signed = Buffer.concat([packet.subarray(0, bodyEnd), u32(roc)]);
    if (!timingSafeEqual(this.#mac(this.#rtp, signed, this.#tags.rtp), tag)) return undefined;
    return Buffer.concat([header, this.#counterCrypt(this.#rtp, this.#counterRtp(header, roc), body)]);
  }

  /** @param encrypted false makes what nobody negotiated: authenticated, but readable */
  protectRtcp(packet: Uint8Array, index: number, encrypted = true): Uint8Array {
    const clear = Buffer.from(packet.subarray(0, 8));
    const word = u32((encrypted ? 0x80000000 : 0) + index);
    if (this.#aead) {
      const iv = this.#gcmRtcpIv(clear, index);
      if (!encrypted) {
        const tag = this.#seal(this.#rtcp, iv, Buffer.concat([packet, word]), new Uint8Array(0));
        return Buffer.concat([packet, tag, word]);
      }
      return Buffer.concat([
        clear,
        this.#seal(this.#rtcp, iv, Buffer.concat([clear, word]), packet.subarray(8)),
        word,
      ]);
    }
    const rest = encrypted
      ? this.#counterCrypt(this.#rtcp, this.#counterRtcp(clear, index), packet.subarray(8))
      : packet.subarray(8);
    const signed = Buffer.concat([clear, rest, word]);
    return Buffer.concat([signed, this.#mac(this.#rtcp, signed, this.#tags.rtcp)]);
  }

  unprotectRtcp(packet: Uint8Array): { plain: Uint8Array; index: number } | undefined {
    const tagLength = this.#tags.rtcp;
    if (packet.length < 8 + 4 + tagLength) return undefined;
    const clear = Buffer.from(packet.subarray(0, 8));
    const bodyEnd = packet.length - 4 - tagLength;
    const body = packet.subarray(8, bodyEnd);
    const word = Buffer.from(
      this.#aead ? packet.subarray(packet.length - 4) : packet.subarray(bodyEnd, bodyEnd + 4),
    );
    const tag = this.#aead ? packet.subarray(bodyEnd, bodyEnd + 16) : packet.subarray(bodyEnd + 4);
    const index = word.readUInt32BE() & 0x7fffffff;
    if (!(word[0]! & 0x80)) return undefined;
    if (this.#aead) {
      const plain = this.#open(
        this.#rtcp,
        this.#gcmRtcpIv(clear, index),
        Buffer.concat([clear, word]),
        body,
        tag,
      );
      return plain && { plain: Buffer.concat([clear, plain]), index };
    }
    if (!timingSafeEqual(this.#mac(this.#rtcp, packet.subarray(0, bodyEnd + 4), tagLength), tag))
      return undefined;
    const plain = this.#counterCrypt(this.#rtcp, this.#counterRtcp(clear, index), body);
    return { plain: Buffer.concat([clear, plain]), index };
  }

  #seal(keys: SessionKeys, iv: Buffer, associated: Uint8Array, plain: Uint8Array): Buffer {
    const cipher = createCipheriv(keys.cipher.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm', keys.cipher, iv);
    cipher.setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  #open(
    keys: SessionKeys,
    iv: Buffer,
    associated: Uint8Array,
    body: Uint8Array,
    tag: Uint8Array,
  ): Buffer | undefined {
    const decipher = createDecipheriv(
      keys.cipher.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm',
      keys.cipher,
      iv,
    );
    decipher.setAAD(associated).setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  #counterCrypt(keys: SessionKeys, counter: Buffer, bytes: Uint8Array): Buffer {
    return createCipheriv('aes-128-ctr', keys.cipher, counter).update(bytes);
  }

  #mac(keys: SessionKeys, signed: Uint8Array, length: number): Buffer {
    return createHmac('sha1', keys.authentication).update(signed).digest().subarray(0, length);
  }

  /** RFC 7714 §8.1: 00 00, SSRC, ROC, SEQ, all xor salt. */
  #gcmRtpIv(header: Buffer, roc: number): Buffer {
    return xor(
      Buffer.concat([Buffer.alloc(2), header.subarray(8, 12), u32(roc), header.subarray(2, 4)]),
      this.#rtp.salt,
    );
  }

  /** RFC 7714 §9.1: 00 00, SSRC, 00 00, index, all xor salt. */
  #gcmRtcpIv(clear: Buffer, index: number): Buffer {
    return xor(
      Buffer.concat([Buffer.alloc(2), clear.subarray(4, 8), Buffer.alloc(2), u32(index)]),
      this.#rtcp.salt,
    );
  }

  /** RFC 3711 §4.1.1: salt · 2^16 xor SSRC · 2^64 xor index · 2^16. */
  #counterRtp(header: Buffer, roc: number): Buffer {
    const mixed = Buffer.concat([
      Buffer.alloc(4),
      header.subarray(8, 12),
      u32(roc),
      header.subarray(2, 4),
      Buffer.alloc(2),
    ]);
    return xor(mixed, this.#rtp.salt);
  }

  #counterRtcp(clear: Buffer, index: number): Buffer {
    const mixed = Buffer.concat([
      Buffer.alloc(4),
      clear.subarray(4, 8),
      Buffer.alloc(2),
      u32(index),
      Buffer.alloc(2),
    ]);
    return xor(mixed, this.#rtcp.salt);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
