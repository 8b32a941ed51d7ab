/** CSS custom properties in React's `style`, which its types do not know. */
import type { CSSProperties } from 'react';

export const customProperties = (values: Record<`--${string}`, string | number>): CSSProperties => values;
