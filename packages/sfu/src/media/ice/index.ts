export { IceLite } from './iceLite.js';
export type { IceLiteOptions } from './iceLite.js';
export { localFragment, stunUsername } from './stunUsername.js';
export { toTuple, tupleAddress, tupleKey } from './tuple.js';
export type { Tuple } from './tuple.js';
export { REMEMBERED_TRANSACTIONS } from './transactionMemory.js';
export { ICE_DROP, ICE_LIMITS } from './types.js';
export type { IceCredentials, IceDropReason, IceOutput, IceState } from './types.js';
