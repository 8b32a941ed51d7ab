/** What `require('@tertulia/sfu')` gives. Node runs the ES module itself: there is one copy of everything. */
import sfu = require('./index.js');
export = sfu;
