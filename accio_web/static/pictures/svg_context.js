// What is drawn on a canvas, as SVG: the calls that our pictures make, recorded as elements.

const escaped = (text) => String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const short = (value) => Number(value.toFixed(2));

/** As much of CanvasRenderingContext2D as our pictures use. */
export class SvgContext {
  constructor() {
    this.fillStyle = '#000';
    this.strokeStyle = '#000';
    this.lineWidth = 1;
    this.font = '12px sans-serif';
    this.textAlign = 'start';
    this.textBaseline = 'alphabetic';
    this.parts = [];
    this.open = [0];
    this.path = '';
    this.clips = 0;
  }

  save() { this.open.push(0); }

  restore() { this.parts.push('</g>'.repeat(this.open.pop())); }

  group(attributes) {
    this.parts.push(`<g ${attributes}>`);
    this.open[this.open.length - 1] += 1;
  }

  translate(x, y) { this.group(`transform="translate(${short(x)} ${short(y)})"`); }

  rotate(angle) { this.group(`transform="rotate(${short((angle * 180) / Math.PI)})"`); }

  scale(x, y) { if (x !== 1 || y !== 1) this.group(`transform="scale(${x} ${y})"`); }

  fillRect(x, y, width, height) { this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${escaped(this.fillStyle)}"/>`); }

  strokeRect(x, y, width, height) { this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}"/>`); }

  beginPath() { this.path = ''; }

  moveTo(x, y) { this.path += `M${short(x)} ${short(y)}`; }

  lineTo(x, y) { this.path += `L${short(x)} ${short(y)}`; }

  rect(x, y, width, height) { this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`; }

  stroke() { this.parts.push(`<path d="${this.path}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}"/>`); }

  clip() {
    this.clips += 1;
    this.parts.push(`<clipPath id="c${this.clips}"><path d="${this.path}"/></clipPath>`);
    this.group(`clip-path="url(#c${this.clips})"`);
  }

  fillText(text, x, y) {
    const anchor = { center: 'middle', right: 'end', end: 'end' }[this.textAlign] ?? 'start';
    const [, size, family] = /^(\d+)px (.*)$/.exec(this.font) ?? ['', '12', 'sans-serif'];
    this.parts.push(`<text x="${short(x)}" y="${short(y)}"${this.textBaseline === 'middle' ? ' dy="0.35em"' : ''} text-anchor="${anchor}" font-size="${size}" font-family="${escaped(family)}" fill="${escaped(this.fillStyle)}">${escaped(text)}</text>`);
  }

  /** The whole picture. */
  toString(width, height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${this.parts.join('')}${this.open.map((count) => '</g>'.repeat(count)).join('')}</svg>`;
  }
}
