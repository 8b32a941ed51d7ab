/** What `require('@tertulia/sfu/extras')` gives. */
import extras = require('./extras.js');
export = extras;
