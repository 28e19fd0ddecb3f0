/** The engine of `bench death`: at SIGUSR2 one of its SIP workers dies as by a fault. */
import { loadConfig } from '../../../workers/config.js';
import { startEngine } from '../../../workers/supervisor.js';

const engine = await startEngine(loadConfig({ env: process.env }));
process.on('SIGUSR2', () => void engine.drill(Number(process.env.BENCH_DRILL_WORKER)));
process.on('SIGTERM', () => void engine.stop());
await engine.finished;
