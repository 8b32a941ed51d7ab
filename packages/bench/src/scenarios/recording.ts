/**
 * Recording through the whole library: what it costs, what it does to the call, what becomes of loss and of a kill.
 * Method and figures: docs/bench.md.
 */
import { numberList } from '../arguments.js';
import { measureCpu } from '../recording/cpu.js';
import { measureDelay } from '../recording/delay.js';
import { measureKills } from '../recording/kill.js';
import { measureLoss } from '../recording/loss.js';
import type { Row, Scenario } from '../scenario.js';

export const recording: Scenario = {
  name: 'recording',
  summary:
    'CPU per recorded packet, delay of the call beside it, ten minutes with loss and switches, fifty kills',
  flags: {
    part: 'cpu',
    pairs: '50',
    seconds: '30',
    mode: 'participants',
    profile: '',
    loss: '5',
    switches: '20',
    directory: '',
    kills: '50',
    rounds: '8',
  },

  async run(flags, say) {
    const [seconds] = numberList('seconds', flags['seconds']!);
    const [pairs] = numberList('pairs', flags['pairs']!);
    const mode = flags['mode'] === 'sources' ? 'sources' : 'participants';
    const rows: Row[] = [];
    for (const part of flags['part']!.split(',')) {
      if (part === 'cpu')
        rows.push(
          await measureCpu({ pairs: pairs!, seconds: seconds!, mode, profile: flags['profile']! }, say),
        );
      else if (part === 'loss') {
        const [percent] = numberList('loss', flags['loss']!);
        const [switches] = numberList('switches', flags['switches']!);
        const settings = { seconds: seconds!, lossShare: percent! / 100, switches: switches! };
        rows.push(...(await measureLoss({ ...settings, directory: flags['directory']! }, say)));
      } else if (part === 'kill') {
        const [kills] = numberList('kills', flags['kills']!);
        rows.push(await measureKills(kills!, say));
      } else if (part === 'delay') {
        const [rounds] = numberList('rounds', flags['rounds']!);
        rows.push(await measureDelay({ pairs: pairs!, seconds: seconds!, rounds: rounds! }, say));
      } else throw new TypeError(`--part: there is no '${part}'`);
    }
    return { scenario: 'recording', settings: { pairs: pairs!, seconds: seconds! }, rows };
  },
};
