import { lazy, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { join } from '@tertulia/client';
import { App } from './app.js';
import { readStatsPlace } from './invitation.js';
import { Safety } from './safety.js';
import './styles/index.css';

/** Few people ever open it: it is fetched when they do. */
const StatsScreen = lazy(async () => ({ default: (await import('./stats/statsScreen.js')).StatsScreen }));

const figures = readStatsPlace(location);

createRoot(document.getElementById('root')!).render(
  <Safety>
    {figures === undefined ? (
      <App join={join} />
    ) : (
      <Suspense>
        <StatsScreen room={figures.room} token={figures.token} />
      </Suspense>
    )}
  </Safety>,
);
