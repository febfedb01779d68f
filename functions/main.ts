/** Entry point of the app: `package.json` names its bundle as `main`. @module */
import './telemetry.ts';
import './list-daily-items.ts';
import './sweep-runs.ts';
import './download-item.ts';
import './import-item.ts';
import './drain-poison.ts';
import './parked.ts';
import './reports.ts';
import './reconcile.ts';
import './audit.ts';
