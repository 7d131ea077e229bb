// A Prometheus that has a recording, scrapes nothing and judges nothing.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENCE_MS = 60_000;

/** Starts it on a copy, so that a recording stays what it was. Gives its address and what ends it. */
export async function start(recording) {
  const folder = mkdtempSync(join(tmpdir(), 'turbulence-pictures-'));
  const data = join(folder, 'data');
  cpSync(join(recording, 'data'), data, { recursive: true });
  rmSync(join(data, 'lock'), { force: true });
  writeFileSync(join(folder, 'prometheus.yml'), '{}\n');
  const program = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${data}`,
    '--storage.tsdb.retention.time=100y',
    '--web.listen-address=127.0.0.1:0',
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = () => {
    program.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', stop);
  return { url: await address(program), stop };
}

/** Prometheus says where it listens, and when it is ready, in any order. */
function address(program) {
  return new Promise((found, failed) => {
    let log = '';
    const late = setTimeout(() => failed(new Error(`Prometheus is not ready after ${PATIENCE_MS / 1000} s:\n${log}`)), PATIENCE_MS);
    program.on('error', failed);
    program.on('exit', () => failed(new Error(`Prometheus ended:\n${log}`)));
    program.stderr.on('data', (text) => {
      log += text;
      const listens = /Listening on"?.*?address=(\S+)/.exec(log);
      if (listens && log.includes('Server is ready')) {
        clearTimeout(late);
        found(`http://${listens[1]}`);
      }
    });
  });
}
