// The reference page: what /openapi.json tells, for people. Text only ever becomes text, never markup.

const response = await fetch('/openapi.json');
const api = await response.json();

function element(tag, { text, className, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

const resolve = (reference) =>
  reference
    .replace('#/', '')
    .split('/')
    .reduce((value, name) => value?.[name], api);

const bounds = [
  ['minLength', 'at least', 'characters'],
  ['maxLength', 'at most', 'characters'],
  ['minItems', 'at least', 'entries'],
  ['maxItems', 'at most', 'entries'],
  ['minimum', 'from', ''],
  ['maximum', 'to', ''],
];

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(' | ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  return [schema.type ?? 'anything'].flat().join(' | ');
}

function noteOf(schema) {
  const limits = bounds
    .filter(([keyword]) => schema[keyword] !== undefined)
    .map(([keyword, words, unit]) => `${words} ${schema[keyword]} ${unit}`.trim());
  return schema.description ?? limits.join(', ');
}

/** The objects inside a schema, opened when they are asked for: some name themselves. */
function insides(schema) {
  const target = schema.$ref ? resolve(schema.$ref) : schema;
  const inner = target.type === 'array' ? target.items : target;
  const choices = (inner?.anyOf ?? inner?.oneOf ?? []).filter((one) => one.$ref || one.properties);
  if (inner?.$ref && inner !== target) return insides(inner);
  const values = inner?.additionalProperties;
  const properties = values?.$ref ? { ...inner.properties, '(any name)': values } : inner?.properties;
  return properties || choices.length > 0 ? { properties, choices, inner } : undefined;
}

function lazily(summary, make) {
  const details = element('details', {}, summary);
  details.addEventListener('toggle', () => details.childElementCount === 1 && details.append(make()), {
    once: false,
  });
  return details;
}

function member(name, schema, isRequired) {
  const line = [
    element('span', { className: 'name', text: name }),
    element('span', { className: 'note', text: ` ${typeOf(schema)}${isRequired ? ', required' : ''} ` }),
    element('span', { text: noteOf(schema) }),
  ];
  const found = insides(schema);
  if (!found) return element('li', {}, ...line);
  return element(
    'li',
    {},
    lazily(element('summary', {}, ...line), () => membersOf(found)),
  );
}

function membersOf({ properties, choices, inner }) {
  const required = new Set(inner.required ?? []);
  const items = Object.entries(properties ?? {}).map(([name, schema]) =>
    member(name, schema, required.has(name)),
  );
  return element('ul', {}, ...items, ...choices.map((choice) => member('one of', choice, false)));
}

function bodyOf(content) {
  const [type, { schema } = {}] = Object.entries(content ?? {})[0] ?? [];
  if (!schema) return undefined;
  const found = insides(schema);
  const title = element('span', { className: 'note', text: `${type}: ${typeOf(schema)}` });
  return found ? element('div', {}, title, membersOf(found)) : title;
}

function contentOf(operation) {
  const parts = element('div');
  if (operation.description) parts.append(element('p', { text: operation.description }));
  const parameters = operation.parameters ?? [];
  if (parameters.length > 0) {
    const list = parameters.map((one) =>
      member(
        `${one.name} (${one.in})`,
        { ...one.schema, description: one.description ?? one.schema?.description },
        one.required,
      ),
    );
    parts.append(element('h3', { text: 'Parameters' }), element('ul', {}, ...list));
  }
  const body = bodyOf(operation.requestBody?.content);
  if (body) parts.append(element('h3', { text: 'Body' }), body);
  parts.append(element('h3', { text: 'Answers' }));
  for (const [status, answer] of Object.entries(operation.responses ?? {})) {
    const summary = element('summary', { text: status });
    const content = bodyOf(answer.content);
    parts.append(
      content ? element('details', {}, summary, content) : element('p', { text: summary.textContent }),
    );
  }
  return parts;
}

function operationOf(method, path, operation) {
  const summary = element(
    'summary',
    {},
    element('span', { className: `method ${method}`, text: method }),
    element('span', { className: 'path', text: path }),
    element('span', { className: 'note', text: ` ${operation.summary ?? operation.operationId ?? ''}` }),
  );
  const shown = lazily(summary, () => contentOf(operation));
  shown.className = 'operation';
  shown.id = operation.operationId ?? `${method}${path}`;
  shown.dataset.words =
    `${method} ${path} ${operation.operationId ?? ''} ${operation.summary ?? ''}`.toLowerCase();
  return shown;
}

const groups = new Map();
for (const [path, item] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    const tag = operation.tags?.[0] ?? 'Other';
    const group = groups.get(tag) ?? element('section', {}, element('h2', { text: tag }));
    groups.set(tag, group);
    group.append(operationOf(method.toUpperCase(), path, operation));
  }
}

const main = document.getElementById('operations');
main.append(...groups.values());
const count = main.querySelectorAll('.operation').length;
document
  .getElementById('about')
  .replaceChildren(
    `${api.info.description} Version ${api.info.version}, ${count} operations. The same for machines: `,
    element('a', { href: '/openapi.json', text: '/openapi.json' }),
    '.',
  );

document.getElementById('filter').addEventListener('input', ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/);
  for (const group of groups.values()) {
    const operations = [...group.querySelectorAll('.operation')];
    for (const one of operations) one.hidden = !words.every((word) => one.dataset.words.includes(word));
    group.hidden = operations.every((one) => one.hidden);
  }
});

const asked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (asked?.classList.contains('operation')) {
  asked.open = true;
  asked.scrollIntoView();
}
