/** What the recorder and `tertulia export` need of files: writing them live, finishing, repairing, turning them into MP4. */
export { containerFor, type ContainerCodec, type TrackHeader } from './elements.js';
export {
  MatroskaWriter,
  WRITER_LIMITS,
  type FrameToWrite,
  type MatroskaWriterOptions,
} from './matroskaWriter.js';
export type { ClusterMemory } from './openCluster.js';
export { CONTAINER_ERRORS, ContainerError, type ContainerErrorCode } from './errors.js';
export { finishFile, type FinishedFile, type FinishOptions } from './finishFile.js';
export { finishInWorker } from './finishInWorker.js';
export { findInterrupted, repairRecording, type Repair, type RepairedFile } from './repairRecording.js';
export { exportMp4, type ExportedFile, type ExportOptions } from './exportMp4.js';
