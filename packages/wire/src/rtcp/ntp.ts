/**
 * NTP timestamps as sender reports carry them: seconds since 1900 and 2^−32 s. RFC 3550 §4; for the wrap in 2036,
 * RFC 4330 §3: a clear top bit of the seconds means the era from 2036 on. Wall clock comes in as a number.
 */
const SECONDS_1900_TO_1970 = 2_208_988_800;
const TWO_TO_32 = 4_294_967_296;

export interface NtpTime {
  seconds: number;
  fraction: number;
}

/** @param unixMs milliseconds since 1970, fractions welcome */
export function toNtp(unixMs: number): NtpTime {
  let seconds = Math.floor(unixMs / 1000);
  let fraction = Math.round(((unixMs - seconds * 1000) / 1000) * TWO_TO_32);
  if (fraction === TWO_TO_32) {
    seconds++;
    fraction = 0;
  }
  return { seconds: (((seconds + SECONDS_1900_TO_1970) % TWO_TO_32) + TWO_TO_32) % TWO_TO_32, fraction };
}

/** @returns milliseconds since 1970, between 1968 and 2104 */
export function fromNtp(seconds: number, fraction: number): number {
  const era = seconds < 0x80000000 ? TWO_TO_32 : 0;
  return (seconds + era - SECONDS_1900_TO_1970) * 1000 + (fraction / TWO_TO_32) * 1000;
}

/** The 32 bits that a report block repeats as LSR: 16.16 seconds. */
export const middleNtp = (seconds: number, fraction: number): number =>
  (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
