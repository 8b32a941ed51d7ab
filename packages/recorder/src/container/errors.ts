/** What can go wrong with files, by code. The sentence is for people; programs go by the code. */
export const CONTAINER_ERRORS = {
  CONTAINER_UNREADABLE: 'The file is not a recording that can be read',
  CONTAINER_EMPTY: 'The file ends before its first sound or picture',
  CONTAINER_WRITE_FAILED: 'The new file could not be written',
  CONTAINER_CHECK_FAILED: 'The new file is not what it should be; the original was kept',
  EXPORT_CODEC: 'MP4 cannot hold one of the codecs',
  EXPORT_UNFINISHED: 'The recording is not finished',
  EXPORT_EXISTS: 'The output is there already',
  EXPORT_EMPTY: 'The recording has no sound and no picture',
  EXPORT_STOPPED: 'The export was stopped',
} as const;

export type ContainerErrorCode = keyof typeof CONTAINER_ERRORS;

export class ContainerError extends Error {
  override readonly name: string = 'ContainerError';
  constructor(
    readonly code: ContainerErrorCode,
    /** One sentence that can be shown as it stands. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }
}
