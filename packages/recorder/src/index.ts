/**
 * Recording: RTP packets into Matroska and WebM files, nothing decoded or re-encoded.
 * Elsewhere: which room is recorded, and who may ask → @tertulia/server
 */
export {};
