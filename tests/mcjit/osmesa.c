/* Mesa's software renderer makes its engines in C++, with a memory manager of its own, and hands them to the functions
 * of llvm-c/ExecutionEngine.h: handles that are not the drop-in's. Draws with a shader, and prints what came out. */
#define GL_GLEXT_PROTOTYPES
#include <GL/gl.h>
#include <GL/glext.h>
#include <GL/osmesa.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SIDE 64

static GLuint compile(GLenum kind, const char *text)
{
    GLuint shader = glCreateShader(kind);
    GLint ok = 0;
    glShaderSource(shader, 1, &text, NULL);
    glCompileShader(shader);
    glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
    if (!ok)
        exit(2);
    return shader;
}

int main(void)
{
    static uint32_t pixels[SIDE * SIDE];
    OSMesaContext context = OSMesaCreateContextExt(OSMESA_RGBA, 24, 0, 0, NULL);
    uint64_t sum = 14695981039346656037u;
    GLuint program;
    if (!context || !OSMesaMakeCurrent(context, pixels, GL_UNSIGNED_BYTE, SIDE, SIDE))
        return 2;
    program = glCreateProgram();
    glAttachShader(program, compile(GL_VERTEX_SHADER, "varying vec4 c; void main() { c = gl_Vertex * 0.5 + 0.5;"
                                                      " gl_Position = gl_Vertex; }"));
    glAttachShader(program,
                   compile(GL_FRAGMENT_SHADER, "varying vec4 c; void main() { vec4 v = c; for (int i = 0; i < 3;"
                                               " i++) v = fract(v * 3.0 + v.yzxw); gl_FragColor = v; }"));
    glLinkProgram(program);
    glUseProgram(program);
    glBegin(GL_TRIANGLES);
    glVertex2f(-1, -1);
    glVertex2f(1, -0.5f);
    glVertex2f(0, 1);
    glEnd();
    glFinish();
    for (int i = 0; i < SIDE * SIDE; i++)
        sum = (sum ^ pixels[i]) * 1099511628211u;
    printf("%s\n%016llx\n", (const char *)glGetString(GL_RENDERER), (unsigned long long)sum);
    OSMesaDestroyContext(context);
    return 0;
}
