import { createRoot } from 'react-dom/client';
import { join } from '@tertulia/client';
import { App } from './app.js';
import { Safety } from './safety.js';
import './styles/index.css';

createRoot(document.getElementById('root')!).render(
  <Safety>
    <App join={join} />
  </Safety>,
);
