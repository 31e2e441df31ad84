"""A report on the answer sheets of a class: `python -m attnlib.checks report FOLDER`.

    sheets       finds the notebooks of a folder, and whose they are
    running      runs each in a process of its own, within limits
    supervisor   that process: a program of its own, which drives a kernel and keeps no output
    in_kernel    tells, from inside the kernel, what the checks said
    summary      puts together what became of each student and each exercise
    page, table  write it down, as HTML and as CSV
    texts        says it in the language in use

Nothing of a student's is executed in the process that writes the report, and nothing that stands in
a sheet as an output is read.
"""
