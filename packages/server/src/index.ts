/** The conference server as a library: for tests and for programs that bring their own media side. */
export { ConfigSchema, type Config } from './config.js';
export {
  ERRORS,
  MEET_REASONS,
  MeetError,
  ServerError,
  StartError,
  type ErrorCode,
  type MeetReason,
} from './errors.js';
export { createLogger, type Logger } from './logger.js';
export type * from './media/mediaPort.js';
export { TertuliaServer, type ServerParts } from './server.js';
