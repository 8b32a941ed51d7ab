/** @tertulia/engine: moves packets, decides nothing. See README.md. */
export { Engine } from './engine.js';
export { Dtls, DtlsContext, FINGERPRINT_ALGORITHMS, SRTP_PROFILES } from './dtls.js';
export { ENGINE_ERROR_CODES, EngineError } from './errors.js';
export type { EngineErrorCode } from './errors.js';
export { addressIp, addressPort, addressText, toAddress } from './address.js';
export { readCapture } from './capture.js';
export type { CaptureRecord } from './capture.js';
export { readEntryCounters, writeEntry } from './entries.js';
export { patchDescriptor, writeCommand, writeReportCommand, writeRtcpCommand } from './commands.js';
export * from './layout.js';
export * from './types.js';
