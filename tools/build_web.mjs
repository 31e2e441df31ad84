// Builds what the book's pages load besides the theme into book/_static/vendor:
//   book-widgets.js   the loader of the live figures (book/web), one file
//   controls.css      style of the standard controls; lean_assets.py puts it in front of book.css
//   katex/            style and fonts of the formulas, which Sphinx has rendered beforehand
//   fonts/            the text face
//   LICENSES.txt      the licences of everything in there
// Usage: npm ci --ignore-scripts && node tools/build_web.mjs

import * as esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');
const target = path.join(root, 'book/_static/vendor');
const fresh = path.join(modules, '.vendor'); // same file system as the target, yet outside _static

// Instead of these packages: what is needed of them.
const parts = { '@lumino/widgets': 'lumino.js', jquery: 'jquery.js' };
const partsOfPackages = {
  name: 'parts of packages',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^(@lumino\/widgets|jquery)$/ }, ({ path: name }) => ({ path: path.join(root, 'book/web', parts[name]) })),
};

const options = {
  bundle: true,
  minify: true,
  write: false,
  legalComments: 'none', // LICENSES.txt holds them in full
  metafile: true,
  absWorkingDir: root,
  nodePaths: [modules],
  plugins: [partsOfPackages],
  // Lumino's sources are written for this meaning of fields.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  logLevel: 'warning',
};

async function buildLoader() {
  const style = await esbuild.build({ ...options, entryPoints: ['book/web/controls.css'] });
  const script = await esbuild.build({
    ...options,
    entryPoints: ['book/web/main.js'],
    format: 'iife',
    target: 'es2022',
  });
  write('book-widgets.js', script.outputFiles[0].contents);
  write('controls.css', style.outputFiles[0].contents);
  return [...Object.keys(style.metafile.inputs), ...Object.keys(script.metafile.inputs)];
}

function buildKatex() {
  const dist = path.join(modules, 'katex/dist');
  const css = fs.readFileSync(path.join(dist, 'katex.min.css'), 'utf8');
  // Browsers that run this book read woff2: drop the two older formats.
  const slim = css.replace(/,url\([^)]+\.(?:woff|ttf)\) format\("[a-z]+"\)/g, '');
  const fonts = [...slim.matchAll(/url\(([^)]+)\)/g)].map(([, url]) => url);
  if (!fonts.length || fonts.some((url) => !/^fonts\/[\w-]+\.woff2$/.test(url))) {
    throw new Error(`katex.min.css has changed its fonts: ${[...new Set(fonts)].join(', ')}`);
  }
  write('katex/katex.min.css', slim);
  for (const font of fonts) write(`katex/${font}`, fs.readFileSync(path.join(dist, font)));
}

function copyTextFace() {
  for (const style of ['normal', 'italic']) {
    for (const part of ['latin', 'latin-ext']) { // the second for pinyin; lean_assets.py cuts it
      const name = `source-sans-3-${part}-wght-${style}.woff2`;
      const from = path.join(modules, '@fontsource-variable/source-sans-3/files', name);
      write(`fonts/${name}`, fs.readFileSync(from));
    }
  }
}

/** The licence texts of all packages that went in. */
function writeLicenses(inputs) {
  const bundled = inputs.map((file) => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]);
  const names = new Set([...bundled.filter(Boolean), 'katex', '@fontsource-variable/source-sans-3']);
  const texts = [...names].sort().map((name) => {
    const folder = path.join(modules, name);
    const about = JSON.parse(fs.readFileSync(path.join(folder, 'package.json')));
    // Jupyter's packages name their licence without bringing its text.
    const own = fs.readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const file = own ? path.join(folder, own) : path.join(root, `book/web/${about.license}.txt`);
    const author = about.author?.name ?? about.author ?? 'its authors';
    const text = fs.readFileSync(file, 'utf8').replace('<author>', author);
    return `${name} ${about.version}\n\n${text.trim()}\n`;
  });
  write('LICENSES.txt', texts.join(`\n${'-'.repeat(80)}\n\n`));
}

function write(name, content) {
  const file = path.join(fresh, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}

// Whatever interrupts the build, book/_static/vendor is either missing, old or complete.
fs.rmSync(fresh, { recursive: true, force: true });
const inputs = await buildLoader();
buildKatex();
copyTextFace();
writeLicenses(inputs);
fs.rmSync(target, { recursive: true, force: true });
fs.renameSync(fresh, target);
const loader = fs.readFileSync(path.join(target, 'book-widgets.js'));
const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;
console.log(`book/_static/vendor: loader ${kilobytes(loader.length)}, ${kilobytes(gzipSync(loader).length)} gzipped`);
if (process.argv.includes('--sizes')) {
  const result = await esbuild.build({ ...options, entryPoints: ['book/web/main.js'], format: 'iife' });
  console.log(await esbuild.analyzeMetafile(result.metafile));
}
