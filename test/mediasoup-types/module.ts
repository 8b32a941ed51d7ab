/** The module itself: its values, its default, its subpaths, in the place of mediasoup's. */
import sfuDefault, * as sfu from '@tertulia/sfu';
import * as extras from '@tertulia/sfu/extras';
import * as mediasoup from 'mediasoup';
import * as mediasoupExtras from 'mediasoup/extras';
import type { types as theirs } from 'mediasoup';

const asIndex: theirs.Index = sfu;
const asDefault: theirs.Index = sfuDefault;
const asNamespace: Omit<typeof mediasoup, 'default' | 'extras'> = sfu;

/** Every name that can be imported from mediasoup can be imported from us. */
type NameOfTheirs = Exclude<keyof typeof mediasoup, 'default'>;
const names: Record<NameOfTheirs, unknown> = sfu;
const namesOfDefault: Record<NameOfTheirs, unknown> = sfuDefault;
const namesOfExtras: Record<keyof typeof mediasoupExtras, unknown> = extras;

/** Both emitters mean the same to whoever derives from them. */
class Counter extends extras.EnhancedEventEmitter<{ count: [number: number] }> {}
const counter: mediasoupExtras.EnhancedEventEmitter<{ count: [number: number] }> = new Counter();

export { asDefault, asIndex, asNamespace, counter, names, namesOfDefault, namesOfExtras };
