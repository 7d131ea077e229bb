// What the page is served by: the bundle, the dashboards, and Prometheus behind /prometheus.
import { createReadStream, existsSync, statSync } from 'node:fs';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** Serves `folders`, by the first part of the path. Gives its address. */
export function serve(folders, prometheus) {
  const server = http.createServer((request, response) => {
    const [, first] = request.url.split('/');
    if (first === 'prometheus') {
      http.get(prometheus + request.url.slice('/prometheus'.length), (answer) => {
        response.writeHead(answer.statusCode, { 'content-type': 'application/json' });
        answer.pipe(response);
      });
      return;
    }
    const path = normalize(decodeURIComponent(request.url.split('?')[0]));
    const file = fileOf(folders, first, path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      // Grafana's package has not all the icons that its own components ask for.
      const isIcon = first === 'build' && extname(file) === '.svg';
      response.writeHead(isIcon ? 200 : 404, { 'content-type': TYPES['.svg'] }).end(isIcon ? '<svg xmlns="http://www.w3.org/2000/svg"/>' : '');
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  server.unref();
  return new Promise((ready) => server.listen(0, '127.0.0.1', () => ready(`http://127.0.0.1:${server.address().port}`)));
}

const WEIGHTS = { Regular: 400, Medium: 500, SemiBold: 600, Bold: 700 };

function fileOf(folders, first, path) {
  if (first === 'fonts') {
    // Grafana's styles ask for `fonts/inter/Inter-Medium.woff2`, and its packages do not have it.
    const [, weight] = /-(\w+)\.woff2$/.exec(path) ?? [];
    const family = path.toLowerCase().includes('inter') ? 'inter' : 'roboto-mono';
    return join(folders.fonts, family, 'files', `${family}-latin-${WEIGHTS[weight] ?? 400}-normal.woff2`);
  }
  if (folders[first]) {
    return join(folders[first], path.slice(first.length + 2));
  }
  return join(folders[''], path === '/' ? 'index.html' : path);
}
