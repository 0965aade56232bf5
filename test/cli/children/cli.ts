/** The command line as its own process, without the set-up that the project's bin does first. */
import { main } from '../../../lib/cli/main.js';

process.exitCode = await main(process.argv.slice(2));
