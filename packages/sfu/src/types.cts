/** What `require('@tertulia/sfu/types')` gives: an empty module; its types are what counts. */
import types = require('./types.js');
export = types;
