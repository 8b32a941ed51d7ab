/** Helpers for applications, as mediasoup v3 has them. */
export { EnhancedEventEmitter, enhancedOnce } from './api/enhancedEventEmitter.js';
