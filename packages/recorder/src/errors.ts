/** One table of what can go wrong; the class adds the code. What a reader may do about it stands in the text. */
export const RECORDER_ERRORS = {
  RECORDING_DIRECTORY: 'the directory of recordings cannot be made or written',
  RECORDING_ID: 'a recording needs an id of 1 to 64 letters, digits, - and _',
  RECORDING_UNKNOWN: 'there is no such recording, or it has ended',
  RECORDING_FILE_UNKNOWN: 'the recording has no such file',
  RECORDING_TRANSPORT_UNKNOWN: 'the recording has no such transport',
  RECORDING_TRANSPORT_ADDRESS: 'the address belongs to another transport, or is none',
  RECORDING_TRACK: 'the track has no SSRC, or none of its codecs can be recorded',
  RECORDING_EXISTS: 'a file, track or transport with this id is there already',
  RECORDER_CLOSED: 'the recorder has ended',
  RECORDER_START: 'the recorder did not start',
} as const satisfies Record<string, string>;

export type RecorderErrorCode = keyof typeof RECORDER_ERRORS;

export class RecorderError extends Error {
  override readonly name = 'RecorderError';
  constructor(
    readonly code: RecorderErrorCode,
    readonly detail = '',
    options?: ErrorOptions,
  ) {
    super(detail === '' ? RECORDER_ERRORS[code] : `${RECORDER_ERRORS[code]}: ${detail}`, options);
  }
}

export const isRecorderErrorCode = (code: string): code is RecorderErrorCode =>
  Object.hasOwn(RECORDER_ERRORS, code);
