/** How loud a track is, by Web Audio. For a level bar before the call and the own ring in it; never on the sending path. */
import type { LevelMeter } from './platform.js';

const SAMPLES = 1_024; // about 21 ms at 48 kHz: one reading per animation frame sees nearly everything

export function createLevelMeter(track: MediaStreamTrack): LevelMeter {
  if (typeof AudioContext === 'undefined') return { level: () => 0, close: () => {} };
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = SAMPLES;
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(analyser);
  const samples = new Float32Array(SAMPLES);
  return {
    level() {
      if (context.state === 'suspended') void context.resume().catch(() => {});
      if (context.state !== 'running') return 0;
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      return Math.sqrt(sum / SAMPLES);
    },
    close() {
      source.disconnect();
      void context.close().catch(() => {});
    },
  };
}
